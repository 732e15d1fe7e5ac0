"""Runs that an orchestrator begins by itself: with the settings that are served, and with record and lineage."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapters
from counterpoint.errors import ServiceError
from counterpoint.lineage import find_lineage
from counterpoint.model import RunRecord, RunRequest, Status
from counterpoint.running import find_pipeline
from counterpoint.services import ServiceEngine, engine_for
from counterpoint.storage import Store
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from counterpoint.adapter import Site

pytestmark = pytest.mark.service
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
DAY = "2026-01-03"
NAMES = ("begun:well", "begun:badly")


@pytest.fixture(scope="module", autouse=True)
def importable(on_path: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    with on_path(str(Path(__file__).parent)):
        yield
    sys.modules.pop("begun", None)


@pytest.fixture(scope="module")
def engine(importable: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceEngine]:
    root = str(tmp_path_factory.mktemp("root"))
    with engine_for(ORCHESTRATOR, root, NAMES, service=True, config={"word": "served"}) as found:
        assert isinstance(found, ServiceEngine)
        yield found


def begin_airflow(site: Site, pipeline: str) -> None:
    from counterpoint_airflow.observe import call

    moment = f"{DAY}T00:00:00+00:00"
    call(site, f"/dags/{pipeline}/dagRuns", {"dag_run_id": "by-hand", "logical_date": moment})


def begin_dagster(site: Site, pipeline: str) -> None:
    from counterpoint_dagster.observe import LOCATION, graphql

    launch = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename } }"""
    where = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "pipelineName": pipeline}
    tags = [{"key": "dagster/partition", "value": DAY}]
    parameters = {"selector": where, "runConfigData": {}, "executionMetadata": {"tags": tags}}
    answer = graphql(site, launch, {"p": parameters})["launchPipelineExecution"]
    assert answer["__typename"] == "LaunchRunSuccess"


def begin_prefect(site: Site, pipeline: str) -> None:
    from counterpoint_prefect.observe import DEPLOYMENT, client_of

    with client_of(site) as client:
        deployment = client.read_deployment_by_name(f"{pipeline}/{DEPLOYMENT}")
        client.create_flow_run_from_deployment(deployment.id)


BEGIN: dict[str, Callable[[Any, str], None]] = {
    "airflow": begin_airflow,
    "dagster": begin_dagster,
    "prefect": begin_prefect,
}


def record_of(engine: ServiceEngine, name: str, seconds: float = 240) -> RunRecord:
    """The record that the one run of a pipeline leaves."""
    pipeline, objects = find_pipeline(name), Objects(engine.site.root)
    BEGIN[ORCHESTRATOR](engine.site, pipeline.name)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for path in objects.list(f"runs/{pipeline.name}"):
            if path.endswith("/run.json"):
                return RunRecord.from_dict(objects.get_json(path))
        time.sleep(0.5)
    raise AssertionError(objects.list(f"runs/{pipeline.name}"))


def test_a_run_that_nobody_asked_us_for_has_the_served_settings_and_leaves_all(engine: ServiceEngine) -> None:
    record = record_of(engine, NAMES[0])
    store = Store(engine.site.root, find_pipeline(NAMES[0]))
    assert (record.status, record.orchestrator) == (Status.SUCCESS, ORCHESTRATOR)
    assert {step.name: step.status for step in record.steps} == dict.fromkeys(("said", "said_again"), Status.SUCCESS)
    entry = store.entry("said_again", record.date)
    assert entry is not None
    assert store.read(entry.reference) == "served served"
    kept = RunRequest.from_json(store.get_json(f"runs/well/{record.run_id}/request.json")["request"])
    assert kept.config == {"word": "served"}
    lineage = find_lineage(engine.site.root, record.run_id)
    assert lineage["configuration"] == {"word": "served"}
    assert set(lineage["outputs"]) == {"said", "said_again"}
    assert record.orchestrator_version == engine.version


def test_one_that_fails_leaves_the_same(engine: ServiceEngine) -> None:
    record = record_of(engine, NAMES[1])
    assert record.status is Status.FAILED
    assert record.step("never").status is Status.UPSTREAM_FAILED
    error = record.step("fails").error
    assert error is not None
    assert error.message == "no served"
    assert find_lineage(engine.site.root, record.run_id)["configuration"] == {"word": "served"}


def test_what_is_not_served_is_refused_at_once_with_the_commands_that_serve_it(engine: ServiceEngine) -> None:
    other, begun = "counterpoint.testing.scenarios:linear", time.monotonic()
    with (
        pytest.raises(ServiceError, match=f"serves begun:well, begun:badly, and not {other}") as refused,
        engine_for(ORCHESTRATOR, engine.site.root, (other,), service=True),
    ):
        raise AssertionError
    assert time.monotonic() - begun < 30
    up = f"counterpoint up {ORCHESTRATOR} --pipeline begun:well --pipeline begun:badly --pipeline {other} --root"
    assert f"counterpoint down {ORCHESTRATOR} --root" in str(refused.value)
    assert up in str(refused.value)
