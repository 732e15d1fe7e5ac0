"""Partitions and schedules of a time zone in Dagster: its own windows and ticks against core's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.dagster

from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.model import PartitionKind, Partitions, Pipeline, Schedule, step
from counterpoint.monitoring.schedule import due_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
)
STARTS = {PartitionKind.DAILY: "2026-01-01", PartitionKind.WEEKLY: "2026-01-05", PartitionKind.MONTHLY: "2026-01"}
END = datetime(2027, 2, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", autouse=True)
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Dagster keeps nothing in the user's home, wherever these tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        yield


def scheduled(partitions: Partitions, cron: str) -> Pipeline:
    function = "counterpoint.testing.steps:numbers"
    return Pipeline("zoned", (step(function),), partitions, schedule=Schedule(cron, partitions.timezone))


@pytest.mark.parametrize("zone", ["UTC", *ZONES])
@pytest.mark.parametrize("kind", STARTS)
def test_windows_are_those_of_core(kind: PartitionKind, zone: str) -> None:
    from counterpoint_dagster.partitions import partitions_def, partitions_of

    partitions = Partitions(kind, STARTS[kind], timezone=zone)
    native = partitions_def(partitions)
    assert partitions_of(native) == partitions
    keys = native.get_partition_keys(current_time=END)
    assert tuple(keys) == partitions.range(keys[0], keys[-1])
    assert len(keys) == {PartitionKind.DAILY: 396, PartitionKind.WEEKLY: 56, PartitionKind.MONTHLY: 13}[kind]
    for key in keys:
        window, core = native.time_window_for_partition_key(key), partitions.partition(key)
        assert (key, window.start.timestamp(), window.end.timestamp()) == (
            key,
            core.start.timestamp(),
            core.end.timestamp(),
        )


def test_windows_count_local_days() -> None:
    import dagster as dg

    from counterpoint_dagster.partitions import mapping, partitions_def

    partitions = Partitions(start="2026-01-01", timezone="Europe/Berlin")
    native = partitions_def(partitions)
    subset = native.subset_with_partition_keys(["2026-03-30"])
    read = mapping(-2, 0).get_upstream_mapped_partitions_result_for_partitions(
        subset, native, native, current_time=datetime(2026, 6, 1, tzinfo=UTC), dynamic_partitions_store=None
    )
    assert isinstance(native, dg.DailyPartitionsDefinition)
    assert set(read.partitions_subset.get_partition_keys()) == {"2026-03-28", "2026-03-29", "2026-03-30"}


def ticks(pipeline: Pipeline, after: datetime) -> Iterator[datetime]:
    """When Dagster's scheduler would run a schedule."""
    from dagster._utils.schedules import schedule_execution_time_iterator

    schedule = pipeline.schedule
    assert schedule is not None
    native = schedule_execution_time_iterator(after.timestamp(), schedule.cron, schedule.timezone, ascending=True)
    return takewhile(lambda tick: tick < END, native)


def key_at(native: Any, tick: datetime) -> str:
    import dagster as dg

    (schedule,) = native.schedules
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance, scheduled_execution_time=tick, repository_def=native.get_repository_def()
        )
        data = schedule.evaluate_tick(context)
    (request,) = data.run_requests
    return str(request.partition_key)


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59))
def test_the_scheduler_runs_every_day_once_when_core_says(zone: str, hour: int, minute: int) -> None:
    from counterpoint_dagster import ADAPTER

    partitions = Partitions(start="2026-01-01", timezone=zone)
    pipeline = scheduled(partitions, f"{minute} {hour} * * *")
    native = ADAPTER.translate(pipeline)
    assert ADAPTER.read_back(native) == pipeline
    (schedule,) = native.schedules
    assert (schedule.cron_schedule, schedule.execution_timezone) == (f"{minute} {hour} * * *", zone)
    made = list(ticks(pipeline, partitions.partition("2026-01-01").end))
    keys = [partitions.shift(partitions.key_of(tick), -1) for tick in made]
    assert tuple(keys) == partitions.range("2026-01-01", keys[-1])
    early = [(key, due_of(pipeline, key).at - tick.astimezone(UTC)) for key, tick in zip(keys, made, strict=True)]
    # but for the nights in which clocks change, to the second
    assert len([key for key, difference in early if difference]) <= 2
    assert all(timedelta(0) <= difference <= HOUR for _, difference in early)
    for key, tick in islice(zip(keys, made, strict=True), 60, 100, 13):
        assert key_at(native, tick) == key


def test_a_week_is_run_on_its_monday() -> None:
    from counterpoint_dagster import ADAPTER

    partitions = Partitions(PartitionKind.WEEKLY, "2026-01-05", timezone="Europe/Berlin")
    pipeline = scheduled(partitions, "0 6 * * 1")
    native = ADAPTER.translate(pipeline)
    assert ADAPTER.read_back(native) == pipeline
    for tick in islice(ticks(pipeline, partitions.partition("2026-03-16").end), 3):
        key = key_at(native, tick)
        assert due_of(pipeline, key).at == tick.astimezone(UTC)
