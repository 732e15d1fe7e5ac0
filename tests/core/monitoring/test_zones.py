"""Schedules in a time zone: their ticks, the partitions that they are of, and those that would miss a partition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import DefinitionError
from counterpoint.model import PartitionKind, Partitions, Pipeline, Schedule, Step
from counterpoint.monitoring.schedule import due, due_of

ZONES = ("Europe/Berlin", "America/New_York", "America/Santiago", "America/Havana", "Australia/Lord_Howe", "UTC")
_WEEKS = Partitions(PartitionKind.WEEKLY, "2026-01-05", timezone="Europe/Berlin")


def piped(cron: str, zone: str, partitions: Partitions | None = None) -> Pipeline:
    days = partitions or Partitions(start="2026-01-01", timezone=zone)
    return Pipeline("p", (Step("a", "m:a"),), days, schedule=Schedule(cron, zone), deadline=timedelta(hours=1))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "tick"),
    [
        ("2026-03-27", "2026-03-28T01:30"),
        # 02:30 is left out: 03:30 in summer time
        ("2026-03-28", "2026-03-29T01:30"),
        ("2026-03-29", "2026-03-30T00:30"),
        ("2026-10-23", "2026-10-24T00:30"),
        # 02:30 comes twice: the second one
        ("2026-10-24", "2026-10-25T01:30"),
        ("2026-10-25", "2026-10-26T01:30"),
    ],
)
def test_a_run_is_due_by_the_clocks_of_its_zone(key: str, tick: str) -> None:
    assert due_of(piped("30 2 * * *", "Europe/Berlin"), key).at == at(tick)
    assert due(piped("30 2 * * *", "Europe/Berlin"), at(tick))[0].partition == key
    assert due(piped("30 2 * * *", "Europe/Berlin"), at(tick) - timedelta(minutes=1))[0].partition < key


def test_a_week_is_due_on_monday() -> None:
    pipeline = piped("0 6 * * 1", "Europe/Berlin", _WEEKS)
    assert due_of(pipeline, "2026-03-23").at == at("2026-03-30T04:00")
    assert [run.partition for run in due(pipeline, at("2026-03-31T00:00"))] == ["2026-03-23"]


@given(
    st.sampled_from(ZONES),
    st.integers(0, 23),
    st.integers(0, 59),
    st.datetimes(datetime(2026, 1, 5), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_each_day_is_due_once_at_its_time_of_day(zone: str, hour: int, minute: int, now: datetime) -> None:
    pipeline = piped(f"{minute} {hour} * * *", zone)
    newest = due(pipeline, now)[0]
    assert newest.at <= now < due_of(pipeline, pipeline.partitions.shift(newest.partition, 1)).at
    # the day after the partition, at the time that clocks show; a time that they leave out comes after their jump
    shown = newest.at.astimezone(ZoneInfo(zone))
    planned = datetime.fromisoformat(pipeline.partitions.shift(newest.partition, 1)) + timedelta(
        hours=hour, minutes=minute
    )
    assert shown.date() == planned.date()
    assert shown.replace(tzinfo=None) - planned in {timedelta(0), timedelta(minutes=30), timedelta(hours=1)}


@pytest.mark.parametrize(
    ("schedule", "partitions", "is_kept"),
    [
        (Schedule("0 6 * * *", "Europe/Berlin"), Partitions(), True),
        (Schedule("0 2 * * *"), Partitions(timezone="Europe/Berlin"), True),
        (Schedule("30 1 * * *", "Europe/Berlin"), Partitions(), False),
        (Schedule("30 22 * * *"), Partitions(timezone="Europe/Berlin"), False),
        # of three ticks a day two are on one side all year
        (Schedule("30 1,9-17/8 * * *", "Europe/Berlin"), Partitions(), True),
        (Schedule("*/15 * * * *", "Europe/Berlin"), Partitions(), True),
        (Schedule("30 1 * * *", "Asia/Tokyo"), Partitions(), True),
    ],
)
def test_a_schedule_that_changes_sides_of_midnight_is_refused(
    schedule: Schedule, partitions: Partitions, *, is_kept: bool
) -> None:
    if is_kept:
        assert Pipeline("p", (Step("a", "m:a"),), partitions, schedule=schedule).schedule == schedule
        return
    with pytest.raises(
        DefinitionError, match=r"pipeline p: schedule .* one partition would be processed twice and one"
    ):
        Pipeline("p", (Step("a", "m:a"),), partitions, schedule=schedule)


def test_hours_are_scheduled_in_utc() -> None:
    hours = Partitions(PartitionKind.HOURLY, "2026-01-01T00")
    with pytest.raises(DefinitionError, match="hours are counted in UTC"):
        Pipeline("p", (Step("a", "m:a"),), hours, schedule=Schedule("5 * * * *", "Europe/Berlin"))


@given(st.sampled_from(ZONES), st.sampled_from(ZONES), st.integers(0, 23), st.sampled_from([0, 30]))
def test_what_is_not_refused_has_a_tick_for_every_day(here: str, there: str, hour: int, minute: int) -> None:
    days = Partitions(start="2026-01-01", timezone=there)
    try:
        pipeline = Pipeline("p", (Step("a", "m:a"),), days, schedule=Schedule(f"{minute} {hour} * * *", here))
    except DefinitionError:
        return
    ticks = {due_of(pipeline, key).at for key in days.range("2026-03-01", "2026-04-15")}
    ticks |= {due_of(pipeline, key).at for key in days.range("2026-09-01", "2026-11-10")}
    assert len(ticks) == 46 + 71
    made = {days.shift(days.key_of(tick), -1) for tick in ticks}
    assert made == {*days.range("2026-03-01", "2026-04-15"), *days.range("2026-09-01", "2026-11-10")}
