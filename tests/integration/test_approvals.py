"""Approvals on the real services: a run waits through a restart of the services, and goes on when it is approved."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from counterpoint.adapter import find_adapters
from counterpoint.cli.main import main
from counterpoint.model import NativeRun, RunRequest, Status
from counterpoint.runtime import collect, find_pipeline
from counterpoint.runtime.approvals import Responder, decide, pending
from counterpoint.runtime.request_store import keep_request
from counterpoint.services import ProcessEngine, ServiceEngine, engine_for, home_of
from counterpoint.services.processes import marked
from counterpoint.storage import Store
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    OnPath = Callable[[str], AbstractContextManager[None]]

pytestmark = [pytest.mark.service, pytest.mark.long, pytest.mark.timeout(900)]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
PLACE = str(Path(__file__).parents[1] / "core" / "runtime")
SERVED = "consent:served"
PATIENCE = 300
# the workers that Airflow keeps, and what Python starts beside the first forked process
IDLE = ("<idle>", "resource_tracker")


@pytest.fixture(scope="module", autouse=True)
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(PLACE):
        yield
    sys.modules.pop("consent", None)


def request_of(root: Path, run_id: str, day: str) -> RunRequest:
    return RunRequest(SERVED, day, run_id, str(root), ORCHESTRATOR)


def submitted(engine: Any, request: RunRequest) -> str:
    assert isinstance(engine, ServiceEngine)
    keep_request(Objects(request.root), "served_consent", request, service=True)
    return engine.submit(request)


def until(what: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (seen := what()):
        assert time.monotonic() < end
        time.sleep(0.5)
    return seen


def asked(request: RunRequest) -> dict[str, Any] | None:
    return next((p for p in pending(Objects(request.root)) if p["run_id"] == request.run_id), None)


def at_work(root: Path) -> dict[int, str]:
    """The processes of the services of a root that are at work."""
    found = {}
    for process in marked(str(home_of(str(root), ORCHESTRATOR))):
        with suppress(psutil.Error):
            words = " ".join(process.cmdline())
            if not any(idle in words for idle in IDLE) and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = words
    return found


def ended(engine: Any, request: RunRequest, native_id: str) -> Any:
    native: NativeRun = until(lambda: engine.observe(request, native_id))
    pipeline = find_pipeline(SERVED)
    return collect(pipeline, Store(request.root, pipeline), request, native, "0")


def test_an_approval_survives_a_restart_and_a_rejection_fails_the_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = request_of(tmp_path, "good", "2026-01-03"), request_of(tmp_path, "bad", "2026-01-04")
    with engine_for(ORCHESTRATOR, str(tmp_path), (SERVED,), service=True) as engine:
        first = replace(request_of(tmp_path, "first", "2026-01-02"), steps=("figures",))
        ended(engine, first, submitted(engine, first))  # what services start with their first run is there
        standing = at_work(tmp_path).keys()
        native = {request.run_id: submitted(engine, request) for request in (good, bad)}
        told = [until(lambda request=request: asked(request)) for request in (good, bad)]
        assert [waiting["step"] for waiting in told] == ["published", "published"]
        until(lambda: not at_work(tmp_path).keys() - standing)
    # the services are gone
    assert main(["approve", "good", "published", "--by", "anna", "--root", str(tmp_path), "--json"]) == 0
    decision = json.loads(capsys.readouterr().out)["decision"]
    assert (decision["digest"], decision["via"]) == (told[0]["digest"], "command")
    with engine_for(ORCHESTRATOR, str(tmp_path), (SERVED,), service=True) as engine:
        approved = ended(engine, good, native["good"])
        assert asked(bad)
        words = ["approve", "bad", "published", "--reject", "--reason", "too much", "--root", str(tmp_path)]
        assert main(words) == 0
        rejected = ended(engine, bad, native["bad"])
    assert [(s.name, s.status.value) for s in approved.steps] == [
        ("figures", "success"),
        ("published", "success"),
        ("told", "success"),
        ("closed", "success"),
    ]
    assert approved.step("published").details["approval"] == decision
    assert [(s.name, s.status.value, s.attempts) for s in rejected.steps] == [
        ("figures", "success", 1),
        ("published", "failed", 1),
        ("told", "upstream_failed", 0),
        ("closed", "success", 1),
    ]
    error = rejected.step("published").error
    assert error.failure == "rejected"
    assert error.message.endswith(": too much")


def test_a_run_in_one_process_waits_there(tmp_path: Path) -> None:
    request = request_of(tmp_path, "alone", "2026-01-05")

    def approve() -> None:
        until(lambda: asked(request))
        responder = Responder("anna", "command", "anna", "desk")
        decide(Objects(request.root), ("served_consent", "alone"), "published", responder, approved=True)

    approving = Thread(target=approve, daemon=True)
    with engine_for(ORCHESTRATOR, str(tmp_path), (SERVED,)) as engine:
        assert isinstance(engine, ProcessEngine)
        approving.start()
        (native,) = engine.run([request])
    assert not native.failed
    assert native.steps["told"].status is Status.SUCCESS
