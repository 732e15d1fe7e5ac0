"""Weeks, and days, weeks and months of a time zone: keys, intervals and windows, across changes of clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model import PartitionKind, Partitions, Schedule, Window
from counterpoint.model.serial import to_values
from counterpoint.model.timezones import first_reading, last_reading

# clocks that change at night, at midnight, over midnight (St. John's until 2011), by half an hour, never; a zone that
# left a date out (Apia, 2011-12-30)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)
_FIRST = {PartitionKind.DAILY: "1990-01-01", PartitionKind.WEEKLY: "1990-01-01", PartitionKind.MONTHLY: "1990-01"}
_BERLIN = Partitions(timezone="Europe/Berlin")
_WEEKS = Partitions(PartitionKind.WEEKLY, "2025-01-06")
partitions = st.builds(
    lambda kind, zone: Partitions(kind, _FIRST[kind], timezone=zone),
    st.sampled_from(list(_FIRST)),
    st.sampled_from(ZONES),
)
moments = st.datetimes(datetime(1991, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
counts = st.integers(-200, 200)


@pytest.mark.parametrize(
    ("key", "hours"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)]
)
def test_a_day_of_a_zone_is_as_long_as_its_clocks_say(key: str, hours: int) -> None:
    found = _BERLIN.partition(key)
    assert found.end - found.start == timedelta(hours=hours)
    assert (f"{found.day}", found.local_start.hour) == (key, 0)
    assert found.start == datetime.fromisoformat(key).replace(tzinfo=ZoneInfo("Europe/Berlin"))


def test_a_day_without_a_midnight_begins_when_clocks_jump() -> None:
    found = Partitions(timezone="America/Santiago").partition("2026-09-06")
    assert (found.start, found.local_start.hour) == (datetime(2026, 9, 6, 4, tzinfo=UTC), 1)
    assert (found.end - found.start, found.day) == (timedelta(hours=23), date(2026, 9, 6))


def test_a_week_begins_on_monday() -> None:
    found = _WEEKS.partition("2026-01-05")
    assert (found.start, found.end) == (datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 12, tzinfo=UTC))
    assert _WEEKS.key_of(datetime(2026, 1, 11, 23, 59, tzinfo=UTC)) == "2026-01-05"
    assert Window.parse("t-2..t").keys(_WEEKS, "2026-01-05") == ("2025-12-22", "2025-12-29", "2026-01-05")
    with pytest.raises(UsageError, match="weeks begin on Monday; the week of that day is 2026-01-05"):
        _WEEKS.partition("2026-01-07")


@given(partitions, moments)
def test_a_moment_lies_in_the_partition_of_its_key(partitions: Partitions, moment: datetime) -> None:
    found = partitions.partition(partitions.key_of(moment))
    assert found.start <= moment < found.end
    assert partitions.key_of(found.start) == found.key


@given(partitions, moments, counts, counts)
def test_shifts_add_up(partitions: Partitions, moment: datetime, first: int, second: int) -> None:
    key = partitions.key_of(moment)
    assert partitions.shift(partitions.shift(key, first), second) == partitions.shift(key, first + second)


@given(partitions, moments, st.integers(1, 60))
def test_partitions_leave_no_gap_and_do_not_overlap(partitions: Partitions, moment: datetime, count: int) -> None:
    first = partitions.key_of(moment)
    keys = partitions.range(first, partitions.shift(first, count))
    made = [partitions.partition(key) for key in keys]
    assert [one.end for one in made[:-1]] == [one.start for one in made[1:]]
    assert list(keys) == sorted(set(keys))
    assert all(one.start < one.end or (one.timezone, one.key) == ("Pacific/Apia", "2011-12-30") for one in made)


@given(partitions, moments, st.integers(0, 40), st.integers(0, 40))
def test_windows_hold_their_days(partitions: Partitions, moment: datetime, first: int, length: int) -> None:
    key = partitions.key_of(moment)
    keys = Window(-first - length, -first).keys(partitions, key)
    assert len(keys) == length + 1
    assert keys == partitions.range(partitions.shift(key, -first - length), partitions.shift(key, -first))


@given(partitions, moments)
def test_a_key_is_the_local_date_of_its_start(partitions: Partitions, moment: datetime) -> None:
    found = partitions.partition(partitions.key_of(moment))
    if partitions.kind is PartitionKind.MONTHLY:
        assert f"{found.day:%Y-%m}" == found.key
    else:
        assert f"{found.day}" == found.key
        assert partitions.kind is PartitionKind.DAILY or found.day.weekday() == 0


@given(st.datetimes(datetime(1991, 1, 1), datetime(2037, 12, 31)), st.sampled_from(ZONES))  # noqa: DTZ001
def test_the_readings_of_a_clock(clock: datetime, zone: str) -> None:
    first, last = first_reading(clock, zone), last_reading(clock, zone)
    assert first <= last
    shown = last.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert shown == clock or (shown > clock and first == last)


@pytest.mark.parametrize("zone", ["Europe/Belin", "", "../etc/passwd", "Europe", None])
def test_what_is_no_time_zone_is_named(zone: str) -> None:
    with pytest.raises(DefinitionError, match=r"is no time zone: write an IANA name such as 'Europe/Berlin'"):
        Partitions(timezone=zone)
    with pytest.raises(DefinitionError, match="is no time zone"):
        Schedule("0 2 * * *", timezone=zone)


def test_hours_are_counted_in_utc() -> None:
    with pytest.raises(DefinitionError, match="one key would name two hours; leave out timezone"):
        Partitions(PartitionKind.HOURLY, "2026-01-01T00", timezone="Europe/Berlin")


def test_values_of_partitions_in_utc_are_what_they_were() -> None:
    assert to_values(Partitions()) == {"kind": "date", "start": "2010-01-01", "incomplete": "refuse"}
    assert to_values(Schedule("0 2 * * *")) == {"cron": "0 2 * * *"}
    assert to_values(_BERLIN)["timezone"] == "Europe/Berlin"
    assert (Partitions().extent, _BERLIN.extent, _WEEKS.extent) == (None, "date Europe/Berlin", "week UTC")
