"""StreamRec by hand on Airflow, with TaskFlow and with operators: as described, run by `dag.test()` in this process."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.torch, pytest.mark.long]

from counterpoint.errors import ContractError, SourceError, UsageError
from streamrec.pipeline import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Broken = Callable[..., None]
    Digests = Callable[[Path], dict[str, str]]
    Run = Callable[[], tuple[str, dict[str, tuple[str, int]]]]

DAY = "2026-01-08"
ENTRY = "from byhand.airflow_classic import dag\nfrom byhand.airflow_taskflow import streamrec_by_hand  # Airflow's\n"
# a run of TaskFlow is of its interval's day, one of operators of its logical date: of the day itself, if scheduled
KINDS = {
    "streamrec_by_hand": ("byhand.airflow_taskflow", "streamrec_by_hand", datetime(2026, 1, 9, 2, tzinfo=UTC)),
    "streamrec_classic": ("byhand.airflow_classic", "dag", datetime(2026, 1, 8, 2, tzinfo=UTC)),
}
BELOW_ALL = set(pipeline.step_names) | {"window"}


@pytest.fixture(scope="module", autouse=True)
def airflow(byhand: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Airflow in this process, with a home and a database of its own."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    (home / "dags" / "handwritten.py").write_text(ENTRY, encoding="utf-8")
    database = f"sqlite:///{home / 'airflow.db'}"
    settings = {
        "CORE__DAGS_FOLDER": home / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "API_AUTH__JWT_SECRET": "0" * 64,
        "LOGGING__BASE_LOG_FOLDER": home / "logs",
        "USAGE_DATA_COLLECTION__ENABLED": False,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(home))
        for name, value in settings.items():
            patch.setenv(f"AIRFLOW__{name}", str(value))
        from airflow import settings as configured
        from airflow.utils.db import initdb

        if database != configured.SQL_ALCHEMY_CONN:  # an earlier test has imported it
            configured.configure_vars()
            configured.reconfigure_orm()
        initdb()
        yield home


@pytest.fixture(params=KINDS)
def dag(request: pytest.FixtureRequest) -> Any:
    return getattr(importlib.import_module(KINDS[request.param][0]), KINDS[request.param][1])


@pytest.fixture
def run(dag: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a DAG for `DAY`: the state of the run, and by task its state and number of attempts."""

    def ran() -> tuple[str, dict[str, tuple[str, int]]]:
        monkeypatch.setattr(dag, "deadline", None)  # dag.test() cannot carry one
        for task in dag.tasks:
            monkeypatch.setattr(task, "retry_delay", timedelta(0))
        monkeypatch.setattr(dag.get_task("window"), "timeout", 0)  # what is not there now does not come later
        found = dag.test(logical_date=KINDS[dag.dag_id][2])
        return str(found.state), {ti.task_id: (str(ti.state), ti.try_number) for ti in found.get_task_instances()}

    return ran


@pytest.fixture(scope="module")
def six_days(byhand: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that holds the validated days of the window of `DAY`, and a registry without anything."""
    from mlflow import MlflowClient

    from byhand import steps
    from byhand.lake import days_before

    root = tmp_path_factory.mktemp("days")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMREC_ROOT", str(root))
        patch.setenv("STREAMREC_SOURCE", "synthetic:rows=1500,users=150,items=80,seed=7")
        for day in days_before(DAY, *steps.TRAINING):
            steps.raw_interactions(day)
            steps.validated_interactions(day)
    # its tables take seconds to make
    (root / "mlflow").mkdir()
    MlflowClient(f"sqlite:///{root / 'mlflow' / 'mlflow.db'}").search_registered_models()
    return root


@pytest.fixture
def filled(lake: Path, six_days: Path) -> Path:
    shutil.copytree(six_days, lake)
    return lake


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person is told."""
    from byhand import alerts

    found: list[str] = []
    monkeypatch.setattr(alerts, "tell", lambda *words: found.append(" | ".join(words)))
    return found


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Broken:
    """Has a step fail so often."""
    from byhand import steps

    def fail(name: str, error: Exception, times: int = 99) -> None:
        left, works = [error] * times, getattr(steps, name)

        def step(day: str) -> Any:
            if left:
                raise left.pop()
            return works(day)

        monkeypatch.setattr(steps, name, step)

    return fail


def test_steps_and_edges(dag: Any) -> None:
    steps = set(pipeline.step_names)
    edges = {task.task_id: task.upstream_task_ids for task in dag.tasks}
    assert {name: edges[name] & steps for name in steps} == {s.name: set(s.upstream) for s in pipeline.steps}
    waiting = {"training_features", "retrieval_model", "ranking_model", "watcher"}
    assert {name for name in edges if "window" in edges[name]} == waiting
    assert set(edges) == BELOW_ALL | {"watcher"}
    assert (edges["window"], edges["watcher"]) == (set(), BELOW_ALL)


def test_retries_time_outs_pools_and_trigger_rules(dag: Any) -> None:
    for step in pipeline.steps:
        task = dag.get_task(step.name)
        assert (task.retries, task.execution_timeout) == (step.retry.retries, step.timeout)
        assert (task.pool, task.trigger_rule) == (step.pool or "default_pool", step.trigger_rule.value)
        if step.retry.retries:
            assert task.retry_delay == step.retry.delay
        if step.retry.retries > 1:
            assert (task.retry_exponential_backoff, task.max_retry_delay) == (2.0, step.retry.max_delay)
    assert dag.get_task("watcher").trigger_rule == "one_failed"
    assert (dag.get_task("window").mode, dag.get_task("window").timeout) == ("reschedule", 3 * 60 * 60)


def test_schedule_and_deadline(dag: Any, told: list[str]) -> None:
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    assert dag.catchup is False
    table = coerce_to_core_timetable(dag.timetable)
    first = TimeRestriction(datetime(2126, 1, 8, tzinfo=UTC), None, catchup=False)
    info = table.next_dagrun_info(last_automated_data_interval=None, restriction=first)
    start, tick = datetime(2126, 1, 8, 2, tzinfo=UTC), datetime(2126, 1, 9, 2, tzinfo=UTC)
    assert (info.data_interval.start, info.logical_date, info.run_after) == (start, start, tick)
    (deadline,), module = dag.deadline, KINDS[dag.dag_id][0]
    assert (deadline.interval, deadline.callback.path) == (pipeline.deadline, f"{module}.tell_late")
    late = {"data_interval_start": "2026-01-08T02:00:00Z", "logical_date": "2026-01-08T02:00:00Z"}
    sys.modules[module].tell_late(context={"dag_run": late})
    assert [words.rpartition(" | ")[0] for words in told] == ["P1 | streamrec of 2026-01-08 is late"]


@pytest.fixture(scope="module")
def loaded(byhand: None) -> list[str]:
    """What a process of its own prints: the pools for `airflow pools import`, and the modules that it has loaded."""
    code = "import runpy, sys; runpy.run_module('byhand.airflow_taskflow', run_name='__main__')"
    command = [sys.executable, "-c", f"{code}; import byhand.airflow_classic; print(*sys.modules)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-2:]


def test_loading_the_dags_loads_no_data_library(loaded: list[str]) -> None:
    heavy = {"polars", "torch", "pandera", "mlflow", "deltalake", "pandas"}
    assert {"byhand.airflow_classic", *heavy} & set(loaded[1].split()) == {"byhand.airflow_classic"}


def test_pools_and_outlets_of_taskflow(loaded: list[str]) -> None:
    from byhand.airflow_taskflow import streamrec_by_hand

    pools = {name: pool["slots"] for name, pool in json.loads(loaded[0]).items()}
    assert pools == {pool.name: pool.slots for pool in pipeline.pools}
    outlets = {task.task_id: [asset.name for asset in task.outlets] for task in streamrec_by_hand.tasks}
    made = pipeline.step_names[:5]
    assert {name: names for name, names in outlets.items() if names} == {name: [f"streamrec/{name}"] for name in made}


def bad_data() -> list[Exception]:
    import polars as pl
    from pandera.errors import SchemaError, SchemaErrors

    from streamrec import contracts

    with pytest.raises(SchemaErrors) as found:
        contracts.raw_interactions.validate(pl.DataFrame({"user_id": [1]}), lazy=True)
    told = ContractError("rows"), SourceError("nothing there"), UsageError("no such setting")
    return [*told, SchemaError(None, None, "a column"), found.value]


def test_taskflow_tries_again_what_is_not_bad_data() -> None:
    from byhand.airflow_taskflow import streamrec_by_hand

    def asked(name: str, error: Exception, number: int = 1) -> Any:
        task = streamrec_by_hand.get_task(name)
        return task.retry_policy.evaluate(error, number, 2, {"task": task})

    for name in ("raw_interactions", "retrieval_model", "ranking_model"):
        assert {asked(name, error).action.value for error in bad_data()} == {"fail"}
        assert asked(name, OSError("gone")).action.value == "retry"
    for number, seconds in ((1, 30), (2, 60), (9, 600)):
        delays = [asked("ranking_model", OSError(), number).retry_delay.total_seconds() for _ in range(20)]
        assert seconds <= min(delays) < max(delays) <= 1.5 * seconds
    assert asked("raw_interactions", OSError()).retry_delay == timedelta(seconds=30)


def test_the_classic_one_tries_again_what_is_not_bad_data(broken: Broken) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from byhand import airflow_classic

    for error in bad_data():
        broken("ranking_model", error)
        with pytest.raises(AirflowFailException, match=type(error).__name__):
            airflow_classic.run_step("ranking_model", DAY)
    broken("ranking_model", OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        airflow_classic.run_step("ranking_model", DAY)


def states_but(tasks: dict[str, tuple[str, int]], usual: str) -> dict[str, str]:
    return {name: state for name, (state, _) in tasks.items() if state != usual}


def test_all_outputs_are_those_of_counterpoint(
    filled: Path, run: Run, expected: dict[str, str], digests: Digests, told: list[str], broken: Broken
) -> None:
    broken("raw_interactions", OSError("a lock"), times=1)
    state, tasks = run()
    assert state == "success"
    assert tasks.pop("watcher")[0] == "skipped"
    assert tasks == {name: ("success", 2 if name == "raw_interactions" else 1) for name in BELOW_ALL}
    assert digests(filled) == expected
    assert (len(expected), told) == (8, [])


def test_a_failed_evaluation_holds_back_its_own_model_only(
    filled: Path, run: Run, told: list[str], broken: Broken
) -> None:
    from byhand.registry import champions, client_of

    broken("ranking_evaluation", ValueError("no such metric"))
    state, tasks = run()
    assert state == "failed"
    assert states_but(tasks, "success") == {"ranking_evaluation": "failed", "watcher": "failed"}
    assert told == [f"P0 | streamrec ranking_evaluation of {DAY} failed | ValueError: no such metric"]
    decided = json.loads((filled / "values" / "registered_models" / f"{DAY}.json").read_text(encoding="utf-8"))
    stages = {one["step"]: one["stage"] for one in decided}
    assert stages == {"retrieval_model": "production", "ranking_model": "hold"}
    standing = {one["model"] for one in decided if one["stage"] == "production"}
    assert set(champions(client_of(filled), "2026-01-09")) == standing


def test_a_day_missing_from_the_window_is_named_and_nothing_is_trained(
    filled: Path, run: Run, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (filled / "days" / "validated_interactions" / "2026-01-05").unlink()
    state, tasks = run()
    assert state == "failed"
    went = dict.fromkeys(("raw_interactions", "validated_interactions", "registered_models"), "success")
    assert states_but(tasks, "upstream_failed") == {**went, "window": "failed", "watcher": "failed"}
    assert f"the window of {DAY} lacks the validated days 2026-01-05\n" in caplog.text
    window = f"P0 | streamrec window of {DAY} failed | AirflowSensorTimeout"
    assert [words.partition(":")[0] for words in told] == [window]
    assert not (filled / "models").exists()


def test_a_step_with_no_attempt_left_is_told_of_once(filled: Path, run: Run, told: list[str], broken: Broken) -> None:
    broken("raw_interactions", OSError("a lock"))
    state, tasks = run()
    assert (state, tasks["raw_interactions"]) == ("failed", ("failed", 2))
    assert told == [f"P0 | streamrec raw_interactions of {DAY} failed | OSError: a lock"]
    assert tasks["window"] == tasks["registered_models"] == ("success", 1)
    assert {tasks[name] for name in pipeline.step_names[1:7]} == {("upstream_failed", 0)}
