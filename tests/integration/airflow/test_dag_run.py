"""DAG runs in this process, seen from Airflow's own database."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.airflow

from counterpoint.adapter import find_adapter
from counterpoint.model import RunRecord, RunRequest, Status
from counterpoint.runtime import collect
from counterpoint.services import LocalEngine, ProcessEngine, home_of
from counterpoint.storage import Store
from counterpoint.testing import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.services import Engine


def request(root: Path, name: str, orchestrator: str = "airflow", **properties: Any) -> RunRequest:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    return RunRequest(
        scenario.reference, scenario.partition, f"{name}-{orchestrator}", str(root), orchestrator, **properties
    )


def run(asked: RunRequest) -> RunRecord:
    local = asked.orchestrator == "local"
    engine: Engine = LocalEngine() if local else ProcessEngine(find_adapter("airflow"))
    scenario = next(scenario for scenario in SCENARIOS if scenario.reference == asked.pipeline)
    pipeline = scenario.pipeline.configured(asked.config)
    store = Store(asked.root, pipeline, asked.version)
    return collect(pipeline, store, asked, engine.run([asked])[0], engine.version)


def ask(root: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home_of(str(root), "airflow") / "airflow.db")) as connection:
        return connection.execute(query).fetchall()


def told(record: RunRecord) -> list[tuple[Any, ...]]:
    return [
        (s.name, s.status, s.attempts, s.error and s.error.type, s.output and s.output.digest) for s in record.steps
    ]


def test_airflow_keeps_references_only(tmp_path: Path) -> None:
    run(request(tmp_path, "mapped"))
    rows = ask(tmp_path, "select task_id, length(value) from xcom")
    assert len(rows) >= 8
    assert max(size for _, size in rows) < 1000
    assert all(size < 1000 for (size,) in ask(tmp_path, "select length(extra) from asset_event"))


def test_a_run_is_of_its_day_natively(tmp_path: Path) -> None:
    run(request(tmp_path, "linear"))
    assert [row[0][:10] for row in ask(tmp_path, "select logical_date from dag_run")] == ["2026-01-03"]


def test_what_a_branch_is_against_is_never_started(tmp_path: Path) -> None:
    run(request(tmp_path, "condition_false"))
    rows = ask(tmp_path, "select task_id, state from task_instance where start_date is null or try_number = 0")
    assert sorted(rows) == [("after_small", "skipped"), ("when_small", "skipped")]


def test_what_is_not_selected_is_skipped_and_read_from_what_stands(tmp_path: Path) -> None:
    whole = run(request(tmp_path, "linear"))
    part = request(tmp_path, "linear", steps=("linear_mean",), force=True)
    record = run(replace(part, run_id="part"))
    assert told(record) == [row for row in told(whole) if row[0] == "linear_mean"]
    latest = "select task_id, state, try_number from task_instance where run_id = (select max(run_id) from dag_run)"
    states = {task: (state, tries) for task, state, tries in ask(tmp_path, latest)}
    assert states["linear_numbers"][0] == states["linear_total"][0] == "success"
    # those after it are skipped by it: no worker starts them
    assert states["linear_slow"] == states["linear_last"] == ("skipped", 0)


def test_a_selected_step_runs_though_a_mapped_one_before_it_is_not(tmp_path: Path) -> None:
    run(request(tmp_path, "mapped"))
    part = request(tmp_path, "mapped", steps=("map_total",), force=True)
    assert run(replace(part, run_id="part")).status is Status.SUCCESS


@pytest.mark.parametrize("factor", [pytest.param([], id="over-nothing"), pytest.param(5, id="over-what-is-no-list")])
def test_mapping_ends_as_on_the_local_runner(tmp_path: Path, factor: Any) -> None:
    config = {"factor": factor}
    local = run(request(tmp_path / "local", "mapped", "local", config=config))
    assert told(run(request(tmp_path / "airflow", "mapped", config=config))) == told(local)


def test_each_home_is_whole_and_the_environment_is_left_as_it_was(tmp_path: Path) -> None:
    before = dict(os.environ)
    for name in ("one", "two"):
        run(request(tmp_path / name, "linear"))
    assert dict(os.environ) == before
    for name in ("one", "two"):
        assert len(ask(tmp_path / name, "select * from dag_run")) == 1


def test_pools_are_there_before_anything_waits_for_them(tmp_path: Path) -> None:
    run(request(tmp_path, "fan_out", config={"folder": str(tmp_path / "evidence")}))
    pools = dict(ask(tmp_path, "select pool, slots from slot_pool"))
    assert (pools["narrow"], pools["wide"]) == (2, 8)
