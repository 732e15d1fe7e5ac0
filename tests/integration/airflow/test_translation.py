"""What a pipeline looks like in Airflow: native where Airflow has a place for it, and read back from there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

pytestmark = pytest.mark.airflow

from types import SimpleNamespace

from counterpoint.errors import SourceError
from counterpoint.model import PartitionKind, Partitions, Pipeline, RetryPolicy, RunRequest, Schedule, step
from counterpoint.testing.scenarios import fan_out, mapped
from streamrec.pipeline import pipeline as streamrec

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = "counterpoint.testing.steps:numbers"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Airflow makes a home when it is imported: not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        import airflow.sdk

        yield airflow.sdk


@pytest.fixture(scope="module")
def dag(home: Any) -> Any:
    from counterpoint_airflow.translate import translate

    return translate(streamrec)


def read_back(native: Any) -> Pipeline:
    from counterpoint_airflow import ADAPTER

    return ADAPTER.read_back(native)


class TestStreamrec:
    """The flagship, as a person sees it on Airflow's page."""

    def test_edges_are_native(self, dag: Any) -> None:
        edges = {task.task_id: task.upstream_task_ids for task in dag.tasks}
        # the last step runs whatever failed: a task without a worker shows the failure to Airflow
        assert edges.pop("__watcher") == set(streamrec.step_names) - {"registered_models"}
        assert edges == {s.name: set(s.upstream) for s in streamrec.steps}

    def test_pools_trigger_rules_and_time_outs_are_native(self, dag: Any) -> None:
        model = dag.get_task("retrieval_model")
        assert model.pool == "gpu_pool"
        assert dag.get_task("raw_interactions").pool == "default_pool"
        assert dag.get_task("registered_models").trigger_rule == "all_done"
        # core's own time-out bites first, and says what happened
        assert timedelta(hours=2) < model.execution_timeout < timedelta(hours=2, minutes=1)

    def test_retries_are_native(self, dag: Any) -> None:
        model = dag.get_task("ranking_model")
        assert (model.retries, model.retry_delay) == (2, timedelta(seconds=30))
        assert model.max_retry_delay == timedelta(minutes=10)
        assert dag.get_task("retrieval_evaluation").retries == 0

    def test_outlets_are_assets_by_public_names(self, dag: Any) -> None:
        assets = {task.task_id: [(a.name, a.uri) for a in task.outlets] for task in dag.tasks if task.outlets}
        assert assets == {name: [(name, f"counterpoint://streamrec/{name}")] for name in streamrec.step_names}

    def test_the_dag_tells_its_windows_settings_and_deadline(self, dag: Any) -> None:
        assert "t-6..t" in dag.doc_md
        assert dag.doc_md.startswith("```\nstreamrec: ")
        assert dag.doc_md.endswith("\n```")
        assert dag.params.dump() == streamrec.config
        assert dag.deadline
        assert dag.max_active_runs >= 7
        assert not dag.catchup

    def test_no_text_of_a_pipeline_ends_the_block_that_tells_it(self) -> None:
        from counterpoint_airflow.translate import translate

        told = translate(replace(fan_out, description="x\n```\n![seen](https://evil.example)")).doc_md
        assert told.startswith("````\n")
        assert told.endswith("\n````")
        assert told.count("````") == 2

    def test_what_changes_natively_is_read_back(self, dag: Any) -> None:
        changed = read_back(dag)
        assert changed == streamrec
        task = dag.get_task("registered_models")
        kept = task.pool, task.upstream_task_ids
        try:
            task.pool, task.upstream_task_ids = "default_pool", {"retrieval_model"}
            changed = read_back(dag)
        finally:
            task.pool, task.upstream_task_ids = kept
        assert changed.step("registered_models").pool is None
        assert [given.step for given in changed.step("registered_models").inputs] == ["retrieval_model"]


def as_interval(partitions: Partitions, key: str) -> tuple[datetime, datetime]:
    found = partitions.partition(key)
    return found.start, found.end


def scheduled(cron: str, kind: PartitionKind, start: str) -> Pipeline:
    return Pipeline("scheduled", (step(NUMBERS),), Partitions(kind, start), schedule=Schedule(cron))


def next_run(timetable: Any, earliest: datetime, last: Any = None, latest: datetime | None = None, **more: Any) -> Any:
    """What the scheduler would make of a timetable next, by what it keeps of it."""
    from airflow.timetables.base import TimeRestriction

    kept = type(timetable).deserialize(timetable.serialize())
    restriction = TimeRestriction(earliest=earliest, latest=latest, catchup=more.get("catchup", False))
    return kept.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)


class TestSchedule:
    """A run at 02:00 processes the day before; the page and the task agree on the partition."""

    # far from now, for a timetable that does not catch up starts with the newest tick that is past
    CASES: ClassVar[list[Any]] = [
        ("0 2 * * *", PartitionKind.DAILY, "2126-01-08T02:00", "2126-01-07", "2126-01-08"),
        ("5 * * * *", PartitionKind.HOURLY, "2126-01-08T00:05", "2126-01-07T23", "2126-01-08T00"),
        ("0 3 2 * *", PartitionKind.MONTHLY, "2126-01-02T03:00", "2125-12", "2126-01"),
        # no tick on Saturdays and Sundays: a Monday's run is Sunday's all the same, not Friday's
        ("0 2 * * 1-5", PartitionKind.DAILY, "2126-01-14T02:00", "2126-01-13", "2126-01-14"),
        ("0 2 * * *", PartitionKind.HOURLY, "2126-01-08T02:00", "2126-01-08T01", "2126-01-09T01"),
        ("0 2 31 * *", PartitionKind.MONTHLY, "2126-03-31T02:00", "2126-02", "2126-04"),
    ]

    @pytest.mark.parametrize(("cron", "kind", "tick", "key", "following"), CASES)
    def test_a_tick_is_of_the_partition_before(
        self, cron: str, kind: PartitionKind, tick: str, key: str, following: str
    ) -> None:
        from counterpoint_airflow.partitions import key_of
        from counterpoint_airflow.translate import translate

        pipeline = scheduled(cron, kind, key)
        native = translate(pipeline)
        assert read_back(native) == pipeline
        info = next_run(native.timetable, pipeline.partitions.partition(key).start)
        assert info.run_after == datetime.fromisoformat(tick).replace(tzinfo=UTC)
        interval = info.data_interval
        assert (interval.start, interval.end) == as_interval(pipeline.partitions, key)
        run = SimpleNamespace(
            partition_key=None,
            logical_date=interval.start,
            data_interval_start=interval.start,
            data_interval_end=interval.end,
            run_after=info.run_after,
            run_type="scheduled",
        )
        assert key_of(pipeline.partitions, run) == key
        after = next_run(native.timetable, interval.start, interval).data_interval
        assert (after.start, after.end) == as_interval(pipeline.partitions, following)

    RANGES: ClassVar[list[Any]] = [
        (PartitionKind.DAILY, "2024-02-27", "2024-03-01"),
        (PartitionKind.HOURLY, "2025-03-29T22", "2025-03-30T04"),  # the clock goes forward in Europe
        (PartitionKind.MONTHLY, "2024-11", "2025-02"),
    ]

    @pytest.mark.parametrize(("kind", "first", "last"), RANGES)
    @pytest.mark.parametrize("served", [True, False])
    def test_a_backfill_has_a_run_for_every_partition(
        self, kind: PartitionKind, first: str, last: str, *, served: bool
    ) -> None:
        from counterpoint_airflow.translate import translate

        partitions = Partitions(kind, first)
        native = translate(
            Pipeline("p", (step(NUMBERS),), partitions, schedule=Schedule("0 2 * * 1")), scheduled=served
        )
        begin, end = partitions.partition(first).start, partitions.partition(last).start
        found, info = [], None
        while info := next_run(native.timetable, begin, info and info.data_interval, end, catchup=True):
            assert info.run_after == info.data_interval.end
            found.append((info.data_interval.start, info.data_interval.end))
        assert found == [as_interval(partitions, key) for key in partitions.range(first, last)]

    @pytest.mark.parametrize("as_told_to", ["a worker", "the scheduler", "the API"])
    def test_a_person_chooses_a_day_by_logical_date_or_interval(self, as_told_to: str) -> None:
        from airflow.sdk.api.datamodels._generated import DagRunType as OfWorkers
        from airflow.utils.types import DagRunType

        from counterpoint_airflow.partitions import key_of

        kind = {"a worker": OfWorkers.MANUAL, "the scheduler": DagRunType.MANUAL, "the API": "manual"}[as_told_to]
        day, later = datetime(2026, 1, 7, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
        run = SimpleNamespace(
            data_interval_start=day, data_interval_end=day, logical_date=day, run_after=later, run_type=kind
        )
        assert key_of(Partitions(), run) == "2026-01-07"
        run.data_interval_end, run.logical_date = day + timedelta(days=1), later
        assert key_of(Partitions(), run) == "2026-01-07"

    def test_one_that_must_not_run_by_itself_has_runs_only_when_asked(self) -> None:
        from counterpoint_airflow.translate import translate

        table = translate(streamrec, scheduled=False).timetable
        assert not table.can_be_scheduled
        assert next_run(table, datetime(2026, 1, 1, tzinfo=UTC)) is None
        assert table.summary == "on demand"


def test_a_run_of_a_backfill_knows_its_steps_and_what_it_waits_for(tmp_path: Path) -> None:
    from counterpoint_airflow.partitions import request_of
    from counterpoint_airflow.waits import waits_of

    shared = RunRequest("streamrec", "", "filled", str(tmp_path), "airflow", "v2")
    before, rest = ("raw_interactions", "validated_interactions"), ("training_features", "registered_models")
    spans = [["2026-01-02", "2026-01-06", before], ["2026-01-07", "2026-01-08", before + rest]]
    day = datetime(2026, 1, 7, tzinfo=UTC)
    run = SimpleNamespace(
        conf={"counterpoint": shared.to_json(), "spans": spans},
        partition_key=None,
        logical_date=day,
        data_interval_start=day,
        data_interval_end=day + timedelta(days=1),
        run_type="backfill",
    )
    made = request_of("streamrec", {"dag_run": run})
    assert (made.partition, made.run_id, made.version) == ("2026-01-07", "filled-2026-01-07", "v2")
    assert made.steps == before + rest
    # of its window what the backfill makes, and nothing else: the first of January stands
    window = {"validated_interactions": [f"2026-01-0{day}T00:00:00+00:00" for day in range(2, 8)]}
    assert waits_of("streamrec", "training_features", {"dag_run": run}) == window
    # its trigger rule would let it run when all before it failed
    assert waits_of("streamrec", "registered_models", {"dag_run": run}) == window
    assert waits_of("streamrec", "validated_interactions", {"dag_run": run}) == {}
    assert waits_of("streamrec", "ranking_model", {"dag_run": run}) == {}, "it is not selected"
    run.conf = {}
    assert waits_of("streamrec", "training_features", {"dag_run": run}) == {}


def test_a_run_that_airflow_started_makes_its_own_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # the type that workers are given
    from airflow.sdk.api.datamodels._generated import DagRunType

    from counterpoint_airflow.partitions import request_of

    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path))
    served = "counterpoint.testing.scenarios:linear"
    given, key = {"offset": 9, "other": 1}, "2026-01-07"
    run = SimpleNamespace(conf=given, partition_key=key, run_id="scheduled__1", run_type=DagRunType.SCHEDULED)
    for moment in ("data_interval_start", "data_interval_end", "logical_date"):
        setattr(run, moment, None)
    made = request_of(served, {"dag_run": run})
    assert (made.pipeline, made.partition, made.root) == (served, "2026-01-07", str(tmp_path))
    assert (made.config, made.scheduled) == ({"offset": 9}, True)
    run.logical_date = datetime(2026, 1, 8, tzinfo=UTC)
    for kind in set(DagRunType) - {DagRunType.SCHEDULED}:
        # a run keeps what it was asked for at its first step, so each is another run
        run.run_type, run.run_id = kind, f"{kind.value}__1"
        assert not request_of(served, {"dag_run": run}).scheduled
    asked = RunRequest(served, "2026-01-02", "mine", "elsewhere", steps=("linear_mean",))
    run.conf = {"counterpoint": asked.to_json()}
    assert request_of(served, {"dag_run": run}) == asked


def test_the_retry_policy_waits_as_core_says() -> None:
    from counterpoint_airflow import policies

    if policies.NativeRetryPolicy is object:
        pytest.skip("Airflow before 3.3 has no retry policies")
    retry = RetryPolicy(5, timedelta(seconds=30), timedelta(minutes=3), jitter=0.5)
    native = policies.CoreRetryPolicy(retry)
    for number, least in enumerate(retry.delays(), 1):
        found = native.evaluate(RuntimeError(), number, 5)
        assert found.action.value == "retry"
        assert least <= found.retry_delay.total_seconds() <= least * 1.5
    assert native.evaluate(SourceError("nothing there"), 1, 5).action.value == "fail"


def test_a_mapped_step_expands_natively(home: Any) -> None:
    from counterpoint_airflow.translate import translate

    native = translate(mapped)
    assert native.get_task("map_each").is_mapped
    assert native.get_task("map_each").upstream_task_ids == {"map_each__elements", "map_numbers"}


@pytest.mark.parametrize("name", ["streamrec", "counterpoint.testing.scenarios:fan_out"])
def test_loading_the_dags_loads_no_data_library(name: str, tmp_path: Path) -> None:
    code = "import sys; from counterpoint_airflow.dags import served; print(*served()); print(*sys.modules)"
    environment = {"AIRFLOW_HOME": str(tmp_path), "COUNTERPOINT_PIPELINES": name, "HOME": str(tmp_path), "PATH": ""}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    dags, modules = said.stdout.splitlines()[-2:]
    assert dags in {"streamrec", fan_out.name}
    assert not {"polars", "torch", "pandera", "mlflow", "deltalake", "pandas"}.intersection(modules.split())
