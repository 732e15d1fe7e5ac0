"""Which runs are due: the newest, and those before it that can still miss, or have just missed, their deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import DefinitionError
from counterpoint.model import PartitionKind, Partitions, Pipeline, Schedule, Step
from counterpoint.monitoring.schedule import Due, due

FOUR = timedelta(hours=4)


def piped(cron: str | None, deadline: timedelta | None = None, partitions: Partitions | None = None) -> Pipeline:
    schedule = Schedule(cron) if cron else None
    days = partitions or Partitions(start="2026-01-01")
    return Pipeline("p", (Step("a", "m:a"),), days, schedule=schedule, deadline=deadline)


def at(*parts: int) -> datetime:
    return datetime(2026, *parts, tzinfo=UTC)


def test_at_its_tick_a_run_of_the_day_before_is_due() -> None:
    newest = Due("2026-01-06", at(1, 7, 2), at(1, 7, 6))
    before = Due("2026-01-05", at(1, 6, 2), at(1, 6, 6))
    assert due(piped("0 2 * * *", FOUR), at(1, 7, 2)) == (newest, before)
    assert due(piped("0 2 * * *", FOUR), at(1, 7, 1, 59))[0] == before


def test_until_its_deadline_has_passed_the_one_before_is_watched_too() -> None:
    assert [run.partition for run in due(piped("0 2 * * *", FOUR), at(1, 7, 5, 59))] == ["2026-01-06", "2026-01-05"]
    assert [run.partition for run in due(piped("0 2 * * *", FOUR), at(1, 7, 6))] == ["2026-01-06"]


def test_hours_whose_deadlines_overlap_are_all_watched() -> None:
    hours = Partitions(PartitionKind.HOURLY, "2026-01-01T00")
    found = due(piped("5 * * * *", FOUR, hours), at(1, 7, 9, 30))
    assert [run.partition[-2:] for run in found] == ["08", "07", "06", "05", "04"]
    assert found[0] == Due("2026-01-07T08", at(1, 7, 9, 5), at(1, 7, 13, 5))
    assert found[-1].deadline == at(1, 7, 9, 5)


def test_without_a_deadline_only_the_newest_is_looked_at() -> None:
    assert due(piped("0 2 * * *"), at(1, 7, 3)) == (Due("2026-01-06", at(1, 7, 2), None),)


def test_a_partition_is_due_at_its_first_tick() -> None:
    assert due(piped("0 * * * *", FOUR), at(1, 7, 12, 30))[0].at == at(1, 7, 0)
    months = Partitions(PartitionKind.MONTHLY, "2026-01")
    assert due(piped("0 3 * * *", FOUR, months), at(3, 9, 12)) == (Due("2026-02", at(3, 1, 3), at(3, 1, 7)),)


def test_nothing_is_due_before_the_first_partition_nor_without_a_schedule() -> None:
    assert due(piped("0 2 * * *", FOUR), at(1, 1, 12)) == ()
    assert due(piped("0 2 * * *", FOUR), at(1, 2, 1)) == ()
    assert [run.partition for run in due(piped("0 2 * * *", FOUR), at(1, 2, 3))] == ["2026-01-01"]
    assert due(piped(None, FOUR), at(1, 7, 3)) == ()


def test_the_clock_may_be_of_any_zone() -> None:
    east = timezone(timedelta(hours=9))
    assert due(piped("0 2 * * *", FOUR), at(1, 7, 2).astimezone(east)) == due(piped("0 2 * * *", FOUR), at(1, 7, 2))


@pytest.mark.parametrize("cron", ["0 99 * * *", "a b c d e", "0 2 30 2 *"])
def test_what_is_no_cron_is_named(cron: str) -> None:
    with pytest.raises(DefinitionError, match=r"pipeline p: its schedule .* is no cron"):
        due(piped(cron), at(1, 7, 3))


@given(
    st.datetimes(datetime(2026, 1, 3), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 23),
    st.integers(0, 59),
    st.timedeltas(timedelta(minutes=1), timedelta(days=3)),
)
def test_daily_runs_against_plain_arithmetic(now: datetime, hour: int, minute: int, deadline: timedelta) -> None:
    expected, tick = [], now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    tick -= timedelta(days=int(tick > now))
    while (day := tick - timedelta(days=1)) >= at(1, 1):
        expected.append(Due(f"{day:%Y-%m-%d}", tick, tick + deadline))
        if tick + deadline <= now:
            break
        tick -= timedelta(days=1)
    assert due(piped(f"{minute} {hour} * * *", deadline), now) == tuple(expected)
