"""Partitions and windows in UTC: keys, intervals, month ends, leap days; also retry delays and other policies."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model import PartitionKind, Partitions, Pipeline, Pool, RetryPolicy, Schedule, Window, step

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS, HOURS, MONTHS = (
    Partitions(),
    Partitions(PartitionKind.HOURLY, "2010-01-01T00"),
    Partitions(PartitionKind.MONTHLY, "2010-01"),
)


@pytest.mark.parametrize(
    ("partitions", "key", "start", "end"),
    [
        (DAYS, "2024-02-28", datetime(2024, 2, 28, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)),
        (DAYS, "2024-02-29", datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
        (DAYS, "2025-12-31", datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        # where clocks change, UTC days still have 24 hours
        (DAYS, "2026-03-29", datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC)),
        (HOURS, "2025-12-31T23", datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        (MONTHS, "2024-02", datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
        (MONTHS, "2025-12", datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_partition_is_an_interval(partitions: Partitions, key: str, start: datetime, end: datetime) -> None:
    found = partitions.partition(key)
    assert (found.key, found.start, found.end, found.day) == (key, start, end, start.date())


@pytest.mark.parametrize(
    ("partitions", "key", "count", "shifted"),
    [
        (DAYS, "2024-03-01", -1, "2024-02-29"),
        (DAYS, "2025-03-01", -1, "2025-02-28"),
        (DAYS, "2026-01-03", -6, "2025-12-28"),
        (HOURS, "2026-01-01T00", -1, "2025-12-31T23"),
        (HOURS, "2024-02-28T23", 1, "2024-02-29T00"),
        (MONTHS, "2026-01", -1, "2025-12"),
        (MONTHS, "2026-01", -13, "2024-12"),
        (MONTHS, "2025-11", 14, "2027-01"),
    ],
)
def test_keys_are_shifted(partitions: Partitions, key: str, count: int, shifted: str) -> None:
    assert partitions.shift(key, count) == shifted
    assert partitions.shift(shifted, -count) == key


@given(st.dates(date(2010, 1, 1), date(2100, 1, 1)), st.integers(0, 800))
def test_a_range_has_every_day_once(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    keys = DAYS.range(f"{first}", f"{last}")
    assert list(keys) == [f"{first + timedelta(days=n)}" for n in range(days + 1)]


def test_a_range_that_ends_before_it_begins_is_empty() -> None:
    assert DAYS.range("2026-01-02", "2026-01-01") == ()
    assert MONTHS.range("2025-11", "2026-02") == ("2025-11", "2025-12", "2026-01", "2026-02")


@pytest.mark.parametrize(
    ("partitions", "key", "said"),
    [
        (DAYS, "2026-02-29", "'2026-02-29' is no partition: a date is written YYYY-MM-DD, in UTC"),
        (DAYS, "2026-1-3", "write it in full, YYYY-MM-DD"),
        (DAYS, "yesterday", "YYYY-MM-DD"),
        (DAYS, "../2026-01-01", "YYYY-MM-DD"),
        (DAYS, "2009-12-31", "lies before the pipeline's start 2010-01-01: choose a later one"),
        (HOURS, "2026-01-03", "a hour is written YYYY-MM-DDTHH"),
        (HOURS, "2026-01-03T24", "YYYY-MM-DDTHH"),
        (MONTHS, "2026-13", "YYYY-MM"),
    ],
)
def test_other_keys_are_refused(partitions: Partitions, key: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        partitions.partition(key)


def test_a_start_that_is_no_partition_is_refused() -> None:
    with pytest.raises(UsageError, match="written YYYY-MM"):
        Partitions(PartitionKind.MONTHLY, "2026-01-01")


def test_a_moment_belongs_to_the_partition_of_utc() -> None:
    moment = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert [p.key_of(moment) for p in (DAYS, HOURS, MONTHS)] == ["2025-12-31", "2025-12-31T23", "2025-12"]
    with pytest.raises(UsageError, match="has no time zone: give the moment in UTC"):
        DAYS.key_of(datetime(2026, 1, 1))  # noqa: DTZ001


def test_windows_are_written_and_read() -> None:
    for text, window in (("t-6..t", Window(-6)), ("t-6..t-1", Window(-6, -1)), ("t..t", Window(0))):
        assert Window.parse(text) == window
        assert str(window) == text
    assert Window(-2, -1).keys(DAYS, "2024-03-01") == ("2024-02-28", "2024-02-29")
    assert Window(-1).keys(MONTHS, "2026-01") == ("2025-12", "2026-01")


@pytest.mark.parametrize("text", ["6", "t-6", "t..t+1", "t-1..t-6", "t-1 .. t", ""])
def test_other_windows_are_refused(text: str) -> None:
    with pytest.raises(DefinitionError, match=r"t-6\.\.t"):
        Window.parse(text)


def test_a_window_does_not_look_into_the_future() -> None:
    with pytest.raises(DefinitionError, match="neither in the future"):
        Window(-1, 1)


def test_delays_double_up_to_the_longest() -> None:
    policy = RetryPolicy(6, timedelta(seconds=30), timedelta(minutes=10))
    assert policy.delays() == (30, 60, 120, 240, 480, 600)


@given(st.integers(1, 12), st.floats(0, 1), st.floats(0, 1))
def test_jitter_stretches_within_its_bound(retry: int, jitter: float, chance: float) -> None:
    policy = RetryPolicy(12, timedelta(seconds=1), timedelta(minutes=1), jitter)
    base = RetryPolicy(12, timedelta(seconds=1), timedelta(minutes=1)).delay_before(retry)
    assert base <= policy.delay_before(retry, chance) <= base * (1 + jitter) + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: RetryPolicy(-1), "must not be negative"),
        (lambda: RetryPolicy(1, timedelta(seconds=-1)), "must not be negative"),
        (lambda: RetryPolicy(1, jitter=1.5), "jitter lies in 0..1"),
        (lambda: RetryPolicy(1, timedelta(hours=1)), "max_delay is below delay; raise it to at least 1:00:00"),
        (lambda: Pool("gpu", 0), "pool 'gpu' has 0 slots: give it at least one"),
        (lambda: Schedule("@daily"), "write the five fields of cron, for example '0 2"),
    ],
)
def test_other_policies_are_refused(make: object, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("define", "said"),
    [
        (lambda: Partitions(start=date(2026, 1, 5)), "write it as text, start='2026-01-05'"),
        (lambda: Pipeline("p", (step("json:loads", inputs=("raw",)),)), "a mapping from parameters to steps"),
        (lambda: Pipeline("p", (step("json:loads", inputs=3),)), "a mapping from parameters to steps"),
        (lambda: Pipeline("p", (step("json:loads", inputs={"s": 3}),)), "name a step, or windowed"),
    ],
)
def test_what_is_written_in_another_way_is_one_clear_error(define: Callable[[], object], said: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(said)):
        define()
