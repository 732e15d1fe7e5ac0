"""Schedules of a time zone in Prefect: its own ticks against core's, and the partition that a run of one is of."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

pytestmark = pytest.mark.prefect

from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterpoint.model import PartitionKind, Partitions, Pipeline, Schedule, step
from counterpoint.monitoring.schedule import due_of

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
    """Prefect makes a home when it is imported: not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        import prefect

        yield prefect


@cache
def native_of(schedule: Schedule) -> Any:
    from prefect.server.schemas.schedules import CronSchedule

    return CronSchedule(cron=schedule.cron, timezone=schedule.timezone)


def ticks(schedule: Schedule, start: datetime, count: int) -> list[datetime]:
    """When Prefect's scheduler would run a deployment."""
    return [tick.astimezone(UTC) for tick in asyncio.run(native_of(schedule).get_dates(count, start))]


def ticks_of_a_year(schedule: Schedule, start: datetime, ahead: int) -> list[datetime]:
    """The runs that Prefect's scheduler makes as time goes on, some ahead; of one tick it makes one run."""
    made: list[datetime] = []
    while len(made) < 365:
        new = [tick for tick in ticks(schedule, start, ahead) if not made or tick > made[-1]]
        made += new
        # a tick that clocks leave out comes too early, and for an hour the next one is the same again
        start = made[-1] + timedelta(seconds=1) if new else start + timedelta(hours=1)
    return made


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59), st.sampled_from([1, 26, 100]))
# the midnight that Chile leaves out: Prefect starts at 23:15 of the day before
@example("America/Santiago", 0, 15, 100)
@example("America/Havana", 0, 30, 100)
# a time that Berlin leaves out, where each tick is asked for by itself
@example("Europe/Berlin", 2, 0, 1)
def test_every_day_is_run_once_when_core_says(zone: str, hour: int, minute: int, ahead: int) -> None:
    from counterpoint_prefect.partitions import tick_of

    partitions, schedule = Partitions(start="2026-01-01", timezone=zone), Schedule(f"{minute} {hour} * * *", zone)
    pipeline = Pipeline("p", (step("counterpoint.testing.steps:numbers"),), partitions, schedule=schedule)
    made = ticks_of_a_year(schedule, partitions.partition("2026-01-02").start, ahead)
    keys = [partitions.shift(partitions.key_of(tick_of(schedule, tick)), -1) for tick in made]
    assert tuple(keys) == partitions.range("2026-01-01", keys[-1])
    early = [due_of(pipeline, key).at - tick for key, tick in zip(keys, made, strict=True)]
    assert len([difference for difference in early if difference]) <= 4
    assert all(timedelta(0) <= difference <= timedelta(hours=1) for difference in early)


def test_a_week_is_run_on_its_monday() -> None:
    from counterpoint_prefect.partitions import tick_of

    weeks, schedule = (
        Partitions(PartitionKind.WEEKLY, "2026-01-05", timezone="Europe/Berlin"),
        Schedule("0 6 * * 1", "Europe/Berlin"),
    )
    made = ticks(schedule, weeks.partition("2026-01-12").start, 60)
    keys = [weeks.shift(weeks.key_of(tick_of(schedule, tick)), -1) for tick in made]
    assert tuple(keys) == weeks.range("2026-01-05", keys[-1])
