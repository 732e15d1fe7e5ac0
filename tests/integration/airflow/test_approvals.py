"""Approvals on Airflow's page: a response by its API counts as the command does, and its responder is recorded."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.service, pytest.mark.long, pytest.mark.timeout(900)]

from counterpoint.adapter import find_adapters
from counterpoint.cli.main import main
from counterpoint.model import RunRequest
from counterpoint.runtime.approvals import decision_in, pending
from counterpoint.runtime.request_store import keep_request
from counterpoint.services import ServiceEngine, engine_for
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    OnPath = Callable[[str], AbstractContextManager[None]]

if "airflow" not in find_adapters():
    pytest.skip("Airflow is not installed in this environment", allow_module_level=True)
PLACE = str(Path(__file__).parents[2] / "core" / "runtime")
SERVED = "consent:served"


@pytest.fixture(scope="module", autouse=True)
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(PLACE):
        yield
    sys.modules.pop("consent", None)


def until(what: Callable[[], Any]) -> Any:
    end = time.monotonic() + 240
    while not (seen := what()):
        assert time.monotonic() < end
        time.sleep(0.5)
    return seen


def test_a_response_on_the_page_counts_and_is_recorded(tmp_path: Path) -> None:
    from counterpoint_airflow.client import call

    days = {"yes": "2026-01-03", "no": "2026-01-04", "told": "2026-01-05"}
    requests = {name: RunRequest(SERVED, day, name, str(tmp_path), "airflow") for name, day in days.items()}
    objects = Objects(str(tmp_path))
    with engine_for("airflow", str(tmp_path), (SERVED,), service=True) as engine:
        assert isinstance(engine, ServiceEngine)
        for request in requests.values():
            keep_request(objects, "served_consent", request, service=True)
        native = {name: engine.submit(request) for name, request in requests.items()}

        def detail(name: str) -> str:
            dag, _, run = native[name].rpartition("::")
            dag = dag or "served_consent"
            return f"/dags/{dag}/dagRuns/{run or native[name]}/taskInstances/published/-1/hitlDetails"

        def is_watched(name: str) -> bool:
            logs = engine.target.home.rglob(f"run_id={name}/task_id=published/*trigger*")
            return any("waits for approval" in log.read_text(encoding="utf-8") for log in logs)

        until(lambda: len(pending(objects)) == 3)
        # who responds before the executor has reported the end of the process that deferred the task has it killed
        until(lambda: all(map(is_watched, days)))
        shown = call(engine.target, detail("yes"))
        assert shown["options"] == ["Approve", "Reject"]
        assert shown["subject"] == "Approve published of 2026-01-03"
        assert shown["body"].startswith("look at the figures")
        call(engine.target, detail("yes"), {"chosen_options": ["Approve"], "params_input": {}}, method="PATCH")
        refused = {"chosen_options": ["Reject"], "params_input": {"reason": "too much"}}
        call(engine.target, detail("no"), refused, method="PATCH")
        assert main(["approve", "told", "published", "--by", "anna", "--root", str(tmp_path)]) == 0
        ended = {name: until(lambda name=name: engine.observe(requests[name], native[name])) for name in days}
        closed = call(engine.target, detail("told"))
    assert {name: run.steps["published"].status.value for name, run in ended.items()} == {
        "yes": "success",
        "no": "failed",
        "told": "success",
    }
    assert closed["response_received"]
    assert closed["chosen_options"] == ["Approve"]
    approved, rejected = (decision_in(requests[name], "published") for name in ("yes", "no"))
    assert (approved.approved, approved.via, approved.host) == (True, "airflow", None)
    assert approved.by == approved.login == "counterpoint"
    assert (rejected.approved, rejected.reason) == (False, "too much")
