"""What runs by itself in Dagster: the schedule, and the sensors that follow a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

pytestmark = pytest.mark.dagster

from counterpoint.model import PartitionKind, Partitions, Pipeline, RunRequest, Schedule, step
from counterpoint.storage import Store
from counterpoint.testing.scenarios import all_done_trigger, linear
from streamrec.pipeline import pipeline as streamrec

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = "counterpoint.testing.steps:numbers"
SCENARIOS = "counterpoint.testing.scenarios"
LINEAR = f"{SCENARIOS}:linear"


@pytest.fixture(scope="module", autouse=True)
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Dagster keeps nothing in the user's home; schedules are as on a service environment that does not run them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        patch.delenv("COUNTERPOINT_SCHEDULES", raising=False)
        yield


def translated(pipeline: Pipeline, served: str | None = None) -> Any:
    from counterpoint_dagster.translate import translate

    return translate(pipeline, served)


def scheduled(cron: str, kind: PartitionKind, start: str) -> Pipeline:
    return Pipeline("scheduled", (step(NUMBERS),), Partitions(kind, start), schedule=Schedule(cron))


class TestSchedule:
    """A run at 02:00 processes the day before, and only where schedules are switched on."""

    CASES: ClassVar[list[Any]] = [
        ("0 2 * * *", PartitionKind.DAILY, "2026-01-01", "2026-01-08T02:00", "2026-01-07"),
        ("5 * * * *", PartitionKind.HOURLY, "2026-01-01T00", "2026-01-08T00:05", "2026-01-07T23"),
        ("0 3 2 * *", PartitionKind.MONTHLY, "2025-01", "2026-01-02T03:00", "2025-12"),
        ("0 2 * * 1-5", PartitionKind.DAILY, "2026-01-01", "2026-01-12T02:00", "2026-01-11"),
        ("0 2 * * *", PartitionKind.DAILY, "2026-01-08", "2026-01-08T02:00", None),
    ]

    @pytest.mark.parametrize(("cron", "kind", "start", "tick", "key"), CASES)
    def test_a_tick_is_of_the_partition_before(
        self, cron: str, kind: PartitionKind, start: str, tick: str, key: str | None
    ) -> None:
        import dagster as dg

        repository = translated(scheduled(cron, kind, start)).get_repository_def()
        native = repository.get_schedule_def("scheduled_schedule")
        assert (native.cron_schedule, native.execution_timezone) == (cron, "UTC")
        due = datetime.fromisoformat(tick).replace(tzinfo=UTC)
        with dg.build_schedule_context(scheduled_execution_time=due, repository_def=repository) as context:
            requests = native.evaluate_tick(context).run_requests or []
        assert [found.partition_key for found in requests] == ([key] if key else [])

    @pytest.mark.parametrize(("said", "status"), [(None, "STOPPED"), ("1", "RUNNING")])
    def test_it_is_on_where_the_site_says_so(
        self, monkeypatch: pytest.MonkeyPatch, said: str | None, status: str
    ) -> None:
        if said:
            monkeypatch.setenv("COUNTERPOINT_SCHEDULES", said)
        assert translated(streamrec).schedules[0].default_status.value == status


def test_a_run_that_dagster_started_makes_its_own_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from types import SimpleNamespace

    import dagster as dg

    from counterpoint_dagster.keys import REQUEST
    from counterpoint_dagster.partitions import request_of

    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path))
    run = SimpleNamespace(tags={"dagster/partition": "2026-01-07"}, run_id="77", asset_selection=None)
    made = request_of(LINEAR, run)
    assert (made.pipeline, made.partition, made.root, made.run_id) == (
        LINEAR,
        "2026-01-07",
        str(tmp_path),
        "dagster-77",
    )
    assert (made.steps, made.scheduled) == (None, False)
    tags = dg.DagsterRun.tags_for_schedule(SimpleNamespace(name="linear_schedule"))
    # a run keeps what it was asked for at its first step, so these are other runs
    assert request_of(LINEAR, SimpleNamespace(tags={**run.tags, **tags}, run_id="78", asset_selection=None)).scheduled
    run.run_id = "79"
    run.asset_selection = {dg.AssetKey("linear_total"), dg.AssetKey("linear_mean")}
    assert request_of(LINEAR, run).steps == ("linear_mean", "linear_total")
    asked = RunRequest(LINEAR, "2026-01-02", "mine", "elsewhere", steps=("linear_mean",))
    run.tags[REQUEST] = asked.to_json()
    assert request_of(LINEAR, run) == asked
    # of a backfill: its partition and steps are those of the run
    run.tags[REQUEST] = RunRequest(LINEAR, "", "filled", "elsewhere").to_json()
    made = request_of(LINEAR, run)
    assert (made.partition, made.run_id) == ("2026-01-07", "filled-2026-01-07")
    assert made.steps == ("linear_mean", "linear_total")


def test_a_pipeline_that_is_served_by_its_place_runs_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import dagster as dg

    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path))
    job = translated(linear, LINEAR).resolve_job_def("linear")
    with dg.DagsterInstance.ephemeral() as instance:
        chosen = [dg.AssetKey(name) for name in ("linear_numbers", "linear_total")]
        result = job.execute_in_process(instance=instance, partition_key="2026-01-07", asset_selection=chosen)
        assert result.success
    store = Store(str(tmp_path), linear)
    assert [store.read(entry.reference) for entry in store.entries("linear_total").values()] == [1 + 7 + 0 + 7]


def test_what_follows_a_run_is_followed_by_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also when Dagster's schedule started the first: its request is in no tag."""
    import dagster as dg

    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path))
    definitions = translated(all_done_trigger, f"{SCENARIOS}:all_done_trigger")
    job = definitions.resolve_job_def("all_done_trigger")
    sensors = {s.name.rpartition("_")[2].upper(): s for s in definitions.sensors}

    def told(instance: Any, result: Any) -> Any:
        ended = "SUCCESS" if result.success else "FAILURE"
        context = dg.build_run_status_sensor_context(
            sensors[ended].name, result.all_events[-1], instance, result.dagster_run, repository_def=None
        )
        return sensors[ended](context)

    with dg.DagsterInstance.ephemeral() as instance:
        key = "2026-01-03"
        result = job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
        followed = []
        while not isinstance(answer := told(instance, result), dg.SkipReason):
            followed += [found.to_user_string() for found in answer.asset_selection]
            assert len(followed) < 9
            result = job.execute_in_process(
                instance=instance, partition_key=key, asset_selection=answer.asset_selection, tags=answer.tags
            )
    assert followed == ["done_anyway", "done_after"]


@pytest.mark.parametrize(("status", "expected"), [("FAILURE", ["done_anyway"]), ("SUCCESS", None)])
def test_a_sensor_starts_what_its_trigger_rule_lets_run(
    tmp_path: Path, status: str, expected: list[str] | None
) -> None:
    import dagster as dg

    from counterpoint_dagster.runs import tags_of

    definitions = translated(all_done_trigger)
    served = f"{SCENARIOS}:all_done_trigger"
    steps = None if expected else ("done_well",)
    asked = RunRequest(served, "2026-01-03", status.lower(), str(tmp_path), "dagster", steps=steps)
    job = definitions.resolve_job_def("all_done_trigger")
    sensor = next(s for s in definitions.sensors if s.name == f"all_done_trigger_after_{status.lower()}")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=asked.partition,
            asset_selection=[dg.AssetKey(name) for name in steps or all_done_trigger.step_names],
            tags=tags_of(asked),
            raise_on_error=False,
        )
        told = dg.build_run_status_sensor_context(
            sensor.name, result.all_events[-1], instance, result.dagster_run, repository_def=None
        )
        answer = sensor(told)
    if expected is None:
        assert isinstance(answer, dg.SkipReason)
    else:
        assert [key.to_user_string() for key in answer.asset_selection] == expected
        first = {"counterpoint/first_run": result.run_id}
        assert (answer.partition_key, answer.tags) == ("2026-01-03", tags_of(asked) | first)
