"""StreamRec by hand on Dagster: what it promises, and what its runs make, in this process."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import DEFAULT, Mock

import pytest

pytestmark = [pytest.mark.dagster, pytest.mark.torch, pytest.mark.long]

import dagster as dg
import polars as pl

from counterpoint.contracts import Validated
from counterpoint.errors import SourceError
from streamrec.source import raw_interactions as read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAY = "2026-01-08"
SOURCE = "synthetic:rows=1500,users=150,items=80,seed=7"
RAW, GATE = "raw_interactions", "registered_models"
DECIDING = ["ranking_evaluation", "ranking_model", "retrieval_evaluation", "retrieval_model"]
WINDOW, TRAINING, SAME = (-6, 0), (-6, -1), (0, 0)
EDGES = {
    RAW: {},
    "validated_interactions": {RAW: SAME},
    "training_features": {"validated_interactions": WINDOW},
    "retrieval_model": {"training_features": SAME, "validated_interactions": TRAINING},
    "ranking_model": {"training_features": SAME, "validated_interactions": TRAINING},
    "retrieval_evaluation": {"retrieval_model": SAME, "training_features": SAME, "validated_interactions": WINDOW},
    "ranking_evaluation": {"ranking_model": SAME, "training_features": SAME, "validated_interactions": WINDOW},
    GATE: dict.fromkeys(DECIDING, SAME),
}
TRAINED = ("retrieval_model", "ranking_model")


@pytest.fixture(scope="module")
def code(byhand: None) -> Any:
    from byhand import dagster_assets

    return dagster_assets


@pytest.fixture(scope="module")
def assets(code: Any) -> dict[str, Any]:
    return {a.key.to_user_string(): a for a in code.defs.assets if isinstance(a, dg.AssetsDefinition)}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture(scope="module")
def week(code: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the six days before `DAY`, made by Dagster."""
    root = tmp_path_factory.mktemp("week") / "lake"
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("STREAMREC_ROOT", str(root))
        patch.setenv("STREAMREC_SOURCE", SOURCE)
        for day in range(2, 8):
            assert run(code, instance, RAW, "validated_interactions", day=f"2026-01-0{day}").success
    return root


@pytest.fixture
def stored(week: Path, lake: Path) -> Path:
    """A copy of those days, that a test may change."""
    return shutil.copytree(week, lake)


def run(code: Any, instance: Any, *steps: str, day: str = DAY, tags: Any = None) -> Any:
    """Runs the job for a day in this process: all its steps, or those that are named."""
    selection = [dg.AssetKey(name) for name in steps] or None
    job = code.defs.resolve_job_def("streamrec")
    return job.execute_in_process(
        partition_key=day, instance=instance, asset_selection=selection, tags=tags, raise_on_error=False
    )


def told(code: Any, instance: Any, result: Any) -> Any:
    """What the two sensors of a failed run do; returns what is asked for, if anything."""
    event, ended = result.get_run_failure_event(), instance.get_run_by_id(result.run_id)
    day = ended.tags["dagster/partition"]
    context = dg.build_run_status_sensor_context("sensor", event, instance, ended, partition_key=day)
    code.tell(context)
    return code.register_all_the_same(context)


def attempts(instance: Any, result: Any) -> dict[str, tuple[str, int]]:
    return {s.step_key: (s.status.value, s.attempts) for s in instance.get_run_step_stats(result.run_id)}


def alerts_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "byhand.alerts"]


def decisions(lake: Path) -> dict[str, Any]:
    found = json.loads((lake / "values" / GATE / f"{DAY}.json").read_text())
    return {one["step"]: one for one in found}


def test_steps_and_edges(assets: dict[str, Any]) -> None:
    def reach(mapping: Any) -> tuple[int, int]:
        return (mapping.start_offset, mapping.end_offset) if mapping else SAME

    specs = {name: asset.get_asset_spec() for name, asset in assets.items()}
    found = {
        n: {d.asset_key.to_user_string(): reach(d.partition_mapping) for d in spec.deps} for n, spec in specs.items()
    }
    assert found == EDGES
    assert all(isinstance(asset.partitions_def, dg.DailyPartitionsDefinition) for asset in assets.values())
    assert {asset.partitions_def.timezone for asset in assets.values()} == {"UTC"}


def test_retries(assets: dict[str, Any]) -> None:
    policies = {name: asset.op.retry_policy for name, asset in assets.items() if asset.op.retry_policy}
    assert set(policies) == {RAW, *TRAINED}
    assert (policies[RAW].max_retries, policies[RAW].delay) == (1, 30)
    assert {policies[name] for name in TRAINED} == {dg.RetryPolicy(2, 30, dg.Backoff.EXPONENTIAL, dg.Jitter.FULL)}


def test_pools_and_their_limits(assets: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pools = {name: asset.op.pool for name, asset in assets.items() if asset.op.pool}
    assert {name: pools.pop(name) for name in TRAINED} == dict.fromkeys(TRAINED, "gpu_pool")
    assert pools == {"training_features": "feature_store_pool", GATE: "model_registry_pool"}
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with pytest.warns(RuntimeWarning, match="found in sys.modules"):
        runpy.run_module("byhand.dagster_assets", run_name="__main__", alter_sys=True)
    with dg.DagsterInstance.get() as instance:
        limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    assert limits == {"gpu_pool": 4, "feature_store_pool": 2, "model_registry_pool": 1}


def test_freshness_and_contracts(assets: dict[str, Any]) -> None:
    specs = {name: asset.get_asset_spec() for name, asset in assets.items()}
    windows = {name: getattr(spec.freshness_policy, "fail_window", None) for name, spec in specs.items()}
    assert {n: w.to_timedelta() for n, w in windows.items() if w} == dict.fromkeys(TRAINED, timedelta(hours=26))
    deadline = specs[GATE].freshness_policy
    assert (deadline.deadline_cron, deadline.lower_bound_delta) == ("0 6 * * *", timedelta(hours=4))
    checks = {spec.asset_key.to_user_string(): spec for a in assets.values() for spec in a.check_specs}
    assert set(checks) == {RAW, "validated_interactions", "training_features"}
    assert all(spec.blocking for spec in checks.values())


def test_the_day_that_has_ended_is_due_at_two(code: Any) -> None:
    schedule = code.defs.resolve_schedule_def("streamrec_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    moment = datetime(2026, 1, 9, 2, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=moment, repository_def=code.defs.get_repository_def())
    (request,) = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == DAY
    sensors = {name: code.defs.resolve_sensor_def(name) for name in ("tell", "register_all_the_same")}
    assert {sensor.default_status for sensor in sensors.values()} == {dg.DefaultSensorStatus.RUNNING}


def test_loading_it_costs_a_scheduler_nothing() -> None:
    heavy = "polars", "torch", "pandera", "mlflow", "deltalake"
    code = f"import sys, byhand.dagster_assets; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


def test_all_outputs_are_those_of_counterpoint(
    code: Any, instance: Any, stored: Path, expected: dict[str, str], digests: Callable[[], dict[str, str]]
) -> None:
    result = run(code, instance)
    assert digests() == expected
    assert len(expected) == len(EDGES)
    assert attempts(instance, result) == dict.fromkeys(EDGES, ("SUCCESS", 1))
    checked = {check.asset_key.to_user_string(): check.passed for check in result.get_asset_check_evaluations()}
    assert checked == {RAW: True, "validated_interactions": True, "training_features": True}
    shown = {name: result.asset_materializations_for_node(name)[0].metadata for name in EDGES}
    assert shown[RAW]["dagster/row_count"].value == 1500
    assert shown["validated_interactions"]["rejected"].value > 0
    assert shown["retrieval_model"]["metrics"].value["pairs"] > 0
    assert shown["ranking_evaluation"]["model"].value["ndcg@20"] > 0


def test_a_failed_evaluation_holds_only_its_own_model_back(
    code: Any, instance: Any, stored: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    from byhand.registry import champions, client_of

    monkeypatch.setenv("STREAMREC_SETTINGS", '{"retrieval": {"epochs": 1}}')
    with monkeypatch.context() as patch:
        patch.setattr("streamrec.evaluation.retrieval_evaluation", Mock(side_effect=RuntimeError("no luck")))
        result = run(code, instance)
    assert not result.success
    assert attempts(instance, result)["retrieval_evaluation"] == ("FAILURE", 1)
    assert GATE not in attempts(instance, result)
    request = told(code, instance, result)
    assert alerts_of(caplog) == [f"P0 streamrec retrieval_evaluation of {DAY} failed: Failure: RuntimeError: no luck"]
    assert (request.partition_key, request.asset_selection) == (DAY, [dg.AssetKey(GATE)])

    assert run(code, instance, GATE, tags=request.tags).success
    found = decisions(stored)
    assert found["retrieval_model"]["reason"] == "its evaluation failed or did not run"
    assert found["ranking_model"]["stage"] == "production"

    assert set(champions(client_of(stored), "2026-01-09")) == {"streamrec-ranking"}

    # what a person does next: the failed step and what it kept from running, once more
    assert run(code, instance, "retrieval_evaluation", GATE, tags=request.tags).success
    assert {one["stage"] for one in decisions(stored).values()} == {"production"}


def test_a_gate_of_its_own_knows_nothing_of_other_runs(
    code: Any, instance: Any, stored: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    assert run(code, instance, GATE).success
    assert {one["reason"] for one in decisions(stored).values()} == {"it was not trained"}
    monkeypatch.setattr("byhand.steps.registered_models", Mock(side_effect=RuntimeError("no registry")))
    request = told(code, instance, run(code, instance, GATE))
    assert isinstance(request, dg.SkipReason), "a gate that failed itself is not run again"
    assert alerts_of(caplog) == [f"P0 streamrec {GATE} of {DAY} failed: Failure: RuntimeError: no registry"]


def test_a_missing_day_is_named_and_nothing_is_trained(code: Any, instance: Any, stored: Path, caplog: Any) -> None:
    for table in ("validated_interactions", "daily_partials"):
        (stored / "days" / table / "2026-01-05").unlink()
    result = run(code, instance)
    assert not result.success
    found = attempts(instance, result)
    assert found.pop("training_features") == ("FAILURE", 1)
    assert set(found) == {RAW, "validated_interactions"}
    told(code, instance, result)
    (alert,) = alerts_of(caplog)
    assert "training_features" in alert
    assert "daily_partials of 2026-01-05 is not in" in alert
    assert not (stored / "models").exists()

    result = run(code, instance, "retrieval_model")
    assert attempts(instance, result) == {"retrieval_model": ("FAILURE", 1)}, "no retry brings the day back"


def test_a_source_that_hesitates_is_read_again(
    code: Any, instance: Any, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", Mock(return_value=0))
    hesitating = Mock(side_effect=[OSError("not now"), DEFAULT], wraps=read)
    monkeypatch.setattr("streamrec.source.raw_interactions", hesitating)
    result = run(code, instance, RAW)
    assert result.success
    assert attempts(instance, result) == {RAW: ("SUCCESS", 2)}


def test_an_error_of_the_data_is_not_tried_again(
    code: Any, instance: Any, lake: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr("streamrec.source.raw_interactions", Mock(side_effect=SourceError("no events")))
    result = run(code, instance, RAW)
    assert attempts(instance, result) == {RAW: ("FAILURE", 1)}
    assert isinstance(told(code, instance, result), dg.SkipReason), "the gate was no part of that run"
    (alert,) = alerts_of(caplog)
    assert alert.endswith("SourceError: no events")


def test_a_table_that_breaks_its_contract_is_not_written(
    code: Any, instance: Any, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pl.DataFrame({"user_id": ["u"]})
    monkeypatch.setattr("streamrec.source.raw_interactions", Mock(return_value=Validated(rows, rows)))
    result = run(code, instance, RAW, "validated_interactions")
    assert attempts(instance, result) == {RAW: ("FAILURE", 1)}
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert "column_in_dataframe" in check.description
    assert not (lake / "tables").exists()


def test_training_that_takes_too_long_is_stopped_and_tried_three_times(
    code: Any, instance: Any, stored: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    assert timedelta(hours=2) == code.TRAINING_TIMEOUT
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", Mock(return_value=0))
    monkeypatch.setattr(code, "TRAINING_TIMEOUT", timedelta(milliseconds=100))
    monkeypatch.setattr("streamrec.retrieval.retrieval_model", lambda *_: time.sleep(60))
    result = run(code, instance, RAW, "validated_interactions", "training_features", "retrieval_model")
    assert attempts(instance, result)["retrieval_model"] == ("FAILURE", 3)
    told(code, instance, result)
    (alert,) = alerts_of(caplog)
    assert alert.endswith("Failure: TimeoutError: not done after 0:00:00.100000")
