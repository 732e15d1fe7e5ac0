"""A run that its own schedule started and that is late: seen by the orchestrator where it can, and by `watch`."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapter, find_adapters
from counterpoint.alerts.incidents import all_cases
from counterpoint.model import RunRequest
from counterpoint.monitoring import watch
from counterpoint.services import new_target, serving
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from counterpoint.adapter import ServiceEnvironment
    from counterpoint.alerts.incident import Case

pytestmark = [pytest.mark.service, pytest.mark.long, pytest.mark.timeout(1200)]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
HERE = str(Path(__file__).parent)
NAME = "tides:slow"
PATIENCE = 180


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceEnvironment]:
    """A target whose schedules are on: on Airflow they start the run of the newest tick, elsewhere it is submitted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        patch.setenv("PYTHONPATH", os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])]))
        adapter = find_adapter(ORCHESTRATOR)
        found = new_target(adapter, str(tmp_path_factory.mktemp("root")), (NAME,), schedules=True)
        with serving(adapter, found):
            if ORCHESTRATOR != "airflow":
                adapter.submit(found, RunRequest(NAME, due_key(), "by-hand", found.root, ORCHESTRATOR))
            yield found
    sys.modules.pop("tides", None)


def due_key() -> str:
    """The partition of the last tick: the last hour of a year."""
    return f"{datetime.now(UTC).year - 1}-12-31T23"


def until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.5)
    return found


def running(target: ServiceEnvironment) -> dict[str, Any] | None:
    """The run as `watch` sees it, while its slow step runs past its deadline."""
    runs = watch(target.root, [NAME], datetime.now(UTC))["pipelines"][0]["runs"]
    late = [run for run in runs if run["state"] == "running" and run["steps"]["flood"] == "running"]
    return late[0] if late else None


def late(target: ServiceEnvironment) -> Case | None:
    """What was told of the late run, once that is known to run here."""
    cases = [case for case in all_cases(Objects(target.root)) if case.alert.title == "slow is late"]
    return next((case for case in cases if case.alert.orchestrator == ORCHESTRATOR), None)


@pytest.mark.airflow
def test_airflow_tells_it_by_itself(target: ServiceEnvironment) -> None:
    case = until(lambda: late(target))
    assert (case.alert.partition, case.alert.failure) == (due_key(), "late")


def test_watch_sees_it_run_late_and_tells_in_which_run(target: ServiceEnvironment) -> None:
    found = until(lambda: running(target))
    assert (found["punctuality"], found["waits_for"]) == ("late", ["flood"])
    case = until(lambda: late(target))
    assert case.alert.run_id == "by-hand" if ORCHESTRATOR != "airflow" else "scheduled" in case.alert.run_id


@pytest.mark.dagster
@pytest.mark.release
def test_dagster_shows_an_output_past_its_limit(target: ServiceEnvironment) -> None:
    from counterpoint_dagster.client import graphql

    query = '{ assetNodes(assetKeys: [{path: ["ebb"]}]) { freshnessStatusInfo { freshnessStatus } } }'

    def status() -> bool:
        nodes = graphql(target, query, {})["assetNodes"]
        return bool(nodes) and (nodes[0]["freshnessStatusInfo"] or {}).get("freshnessStatus") == "DEGRADED"

    until(status)


@pytest.mark.prefect
def test_prefect_shows_it_by_an_automation_that_is_made_once(
    target: ServiceEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from counterpoint_prefect.client import client_of
    from counterpoint_prefect.deploy import make_deployments

    body = {"filter": {"event": {"name": ["prefect.automation.triggered"]}}}
    with client_of(target) as client:
        (made,) = client.read_automations_by_name("slow deadline")
        until(lambda: client.request("POST", "/events/filter", json=body).json()["events"])
        for schedules in ("1", ""):
            monkeypatch.setenv("COUNTERPOINT_SCHEDULES", schedules)
            make_deployments([NAME])
            (again,) = client.read_automations_by_name("slow deadline")
            assert (again.id, again.enabled) == (made.id, bool(schedules))
