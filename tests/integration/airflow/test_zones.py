"""Partitions and schedules of a time zone in Airflow: its own ticks, and core's, against those of the timetable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.airflow

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


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Airflow makes a home when it is imported: not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        import airflow.sdk

        yield airflow.sdk


def scheduled(partitions: Partitions, cron: str) -> Pipeline:
    function = "counterpoint.testing.steps:numbers"
    return Pipeline("zoned", (step(function),), partitions, schedule=Schedule(cron, partitions.timezone))


def runs(timetable: Any, first: datetime, count: int, *, catchup: bool = False) -> Iterator[Any]:
    """The next runs that the scheduler would make of a timetable, by what it keeps of it."""
    from airflow.timetables.base import TimeRestriction

    kept, info = type(timetable).deserialize(timetable.serialize()), None
    for _ in range(count):
        restriction = TimeRestriction(earliest=first, latest=None, catchup=catchup)
        info = kept.next_dagrun_info(last_automated_data_interval=info and info.data_interval, restriction=restriction)
        yield info


def native_ticks(cron: str, zone: str, after: datetime, count: int) -> list[datetime]:
    """The ticks of Airflow's own timetable of a cron in a time zone."""
    import pendulum
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable

    timetable, info, found = CronTriggerTimetable(cron, timezone=zone), None, list[datetime]()
    restriction = TimeRestriction(earliest=pendulum.instance(after), latest=None, catchup=True)
    for _ in range(count):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=info and info.data_interval, restriction=restriction
        )
        found.append(info.run_after)
    return found


# far from now, for a timetable that does not catch up starts with the newest tick that is past
@settings(max_examples=6, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59), st.sampled_from(["2125-03-01", "2125-10-01"]))
def test_ticks_are_those_of_airflow_and_of_core(zone: str, hour: int, minute: int, first: str) -> None:
    from counterpoint_airflow import ADAPTER

    partitions = Partitions(start=first, timezone=zone)
    pipeline = scheduled(partitions, f"{minute} {hour} * * *")
    native = ADAPTER.translate(pipeline)
    assert ADAPTER.read_back(native) == pipeline
    made = list(runs(native.timetable, partitions.partition(first).start, 60))
    keys = [partitions.key_of(info.data_interval.start) for info in made]
    assert tuple(keys) == partitions.range(first, keys[-1])
    assert [info.run_after for info in made] == [due_of(pipeline, key).at for key in keys]
    ticks = native_ticks(f"{minute} {hour} * * *", zone, partitions.partition(first).end, 60)
    assert [info.run_after for info in made] == ticks
    for info, key in zip(made, keys, strict=True):
        partition = partitions.partition(key)
        assert (info.data_interval.start, info.data_interval.end) == (partition.start, partition.end)


@pytest.mark.parametrize(
    ("kind", "first", "count"),
    [
        (PartitionKind.DAILY, "2026-03-27", 5),
        (PartitionKind.WEEKLY, "2026-03-16", 4),
        (PartitionKind.MONTHLY, "2026-02", 4),
    ],
)
def test_a_backfill_has_a_run_for_every_local_partition(kind: PartitionKind, first: str, count: int) -> None:
    from counterpoint_airflow import ADAPTER

    partitions = Partitions(kind, first, timezone="Europe/Berlin")
    native = ADAPTER.translate(scheduled(partitions, "0 6 * * *"))
    start = partitions.partition(first).start
    assert start.astimezone(UTC).hour == 23
    made = list(runs(native.timetable, start, count, catchup=True))
    keys = partitions.range(first, partitions.shift(first, count - 1))
    assert [(info.data_interval.start, info.data_interval.end) for info in made] == [
        (partitions.partition(key).start, partitions.partition(key).end) for key in keys
    ]


def test_what_an_earlier_release_kept_is_read() -> None:
    from counterpoint_airflow.timetable import PartitionTimetable

    kept = PartitionTimetable.deserialize({"kind": "date", "start": "2026-01-01", "cron": "0 2 * * *"})
    assert isinstance(kept, PartitionTimetable)
    assert (kept.partitions, kept.schedule) == (Partitions(start="2026-01-01"), Schedule("0 2 * * *"))
    assert kept.infer_manual_data_interval(run_after=datetime(2026, 1, 7, 5, tzinfo=UTC)).end == datetime(  # type: ignore[arg-type]
        2026, 1, 7, tzinfo=UTC
    ) + timedelta(days=1)
