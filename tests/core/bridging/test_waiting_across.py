"""A pipeline that waits for an Airflow and a Dagster: its words, its time-outs, its lineage."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.errors import DefinitionError
from counterpoint.model import Partitions, Pipeline, RunRecord, RunRequest, Status, airflow_run, dagster_asset, step
from counterpoint.model.serial import pipeline_from, to_values
from counterpoint.runtime.readiness import satisfied
from counterpoint.runtime.waits import look
from counterpoint.services import LocalEngine
from counterpoint.services.launch import launch
from counterpoint.storage import Store

if TYPE_CHECKING:
    from conftest import Harbour

pytestmark = pytest.mark.usefixtures("importable")
DAY = "2026-01-03"
RUNS = "/api/v2/dags/harbour/dagRuns"


def request_of(root: Path, pipeline: str) -> RunRequest:
    return RunRequest(f"channel:{pipeline}", DAY, "crossed", str(root))


def run(root: Path, pipeline: str) -> RunRecord:
    return launch(request_of(root, pipeline), LocalEngine())


def test_a_run_waits_for_both_and_its_lineage_names_them(
    tmp_path: Path, harbour: Harbour, answers: dict[str, Any]
) -> None:
    harbour.answer(RUNS, {"dag_runs": [], "total_entries": 0})
    harbour.then(RUNS, answers["run"])
    harbour.answer("/graphql", answers["not_materialized"])
    harbour.then("/graphql", answers["not_materialized"])
    harbour.then("/graphql", answers["materialized"])
    record = run(tmp_path, "channel")
    assert record.status is Status.SUCCESS
    lineage = json.loads(Path(str(record.lineage)).read_text(encoding="utf-8"))
    airflow, dagster = lineage["bridged"]["landing"]
    assert (airflow["name"], airflow["run_id"]) == ("harbour", "harbour-2026-01-03")
    assert (dagster["name"], dagster["metadata"]["digest"]) == ("fish/sold", "sha256:fish")
    assert harbour.asked_at("/graphql")[0].body["variables"]["partitions"] == [DAY]


def test_what_is_waited_for_is_said_with_its_state(tmp_path: Path, harbour: Harbour, answers: dict[str, Any]) -> None:
    (failed,) = answers["failed_run"]["dag_runs"]
    harbour.answer(RUNS, answers["failed_run"])
    harbour.answer("/graphql", {"oh": 1}, 503)
    airflow, dagster = look(request_of(tmp_path, "channel"), "landing").words
    page = f"{harbour.url}/dags/hungry/runs/{failed['dag_run_id']}"
    assert airflow == f"run of the Airflow DAG harbour for {DAY} ({page} is failed)"
    assert dagster.startswith(f"Dagster asset fish/sold for {DAY} ({harbour.url}/graphql refused: 503")


def test_waiting_long_enough_names_the_state(tmp_path: Path, harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer("/api/v2/dags/hungry/dagRuns", answers["failed_run"])
    record = run(tmp_path, "famine")
    error = record.step("starving").error
    assert error is not None
    assert (error.type, error.failure) == ("MissingInputError", "missing_input")
    assert f"waited 0 s for run of the Airflow DAG hungry for {DAY} (" in error.message
    assert "is failed)" in error.message


def test_a_server_that_is_down_is_waited_for(tmp_path: Path, harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOINT_AIRFLOW_URL", "http://127.0.0.1:9")
    (said,) = look(request_of(tmp_path, "famine"), "starving").words
    assert said.startswith(f"run of the Airflow DAG hungry for {DAY} (http://127.0.0.1:9/auth/token does not answer: ")


def test_an_address_that_is_not_set_is_a_failure_at_once(tmp_path: Path, harbour: Harbour) -> None:
    error = run(tmp_path, "nowhere").step("lost").error
    assert error is not None
    assert (error.failure, "UNSET_URL is not set" in error.message) == ("bad_configuration", True)


def test_dates_are_shifted_and_formed(tmp_path: Path, harbour: Harbour, answers: dict[str, Any]) -> None:
    harbour.answer(RUNS, answers["run"])
    harbour.answer("/graphql", answers["materialized"])
    day, store = Partitions().partition(DAY), Store(str(tmp_path), pipeline())
    assert satisfied(airflow_run("harbour", shift=timedelta(days=1, hours=2)), day, store)
    assert harbour.asked_at(RUNS)[0].query["logical_date_gte"] == "2026-01-04T02:00:00+00:00"
    assert satisfied(dagster_asset("fish/sold", key_format="%Y/%m"), day, store)
    assert satisfied(dagster_asset("fish/sold", key_format=None), day, store)
    form, none = (one.body["variables"] for one in harbour.asked_at("/graphql"))
    assert (form["partitions"], form["after"]) == (["2026/01"], None)
    assert (none["partitions"], none["after"]) == (None, "1767484800000")


def pipeline() -> Pipeline:
    waits = (
        airflow_run("harbour", shift=timedelta(hours=2), url_variable="SECOND_URL"),
        dagster_asset("fish/sold", key_format=None),
    )
    return Pipeline("across", (step(noop, waits=waits),))


def noop(): ...


def test_waits_across_come_back_from_json() -> None:
    assert pipeline_from(json.loads(json.dumps(to_values(pipeline())))).steps[0].waits == pipeline().steps[0].waits


@pytest.mark.parametrize("name", ["AIRFLOW", "", None])
def test_the_name_of_a_variable_ends_as_its_secrets_need_it(name: Any) -> None:
    with pytest.raises(DefinitionError, match="its name ends with _URL"):
        airflow_run("harbour", url_variable=name)
