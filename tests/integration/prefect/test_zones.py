"""Schedules of a time zone in Prefect: its own ticks against core's, and the partition that a run of one is of."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
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


def ticks(schedule: Schedule, start: datetime, count: int) -> list[datetime]:
    """When Prefect's scheduler would run a deployment."""
    from prefect.server.schemas.schedules import CronSchedule

    native = CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    return [tick.astimezone(UTC) for tick in asyncio.run(native.get_dates(count, start))]


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59), st.sampled_from([1, 26, 100]))
# the midnight that Chile leaves out: Prefect starts at 23:15 of the day before
@example("America/Santiago", 0, 15, 100)
@example("America/Havana", 0, 30, 100)
def test_every_day_is_run_once_when_core_says(zone: str, hour: int, minute: int, ahead: int) -> None:
    from counterpoint_prefect.partitions import tick_of

    partitions, schedule = Partitions(start="2026-01-01", timezone=zone), Schedule(f"{minute} {hour} * * *", zone)
    pipeline = Pipeline("p", (step("counterpoint.testing.steps:numbers"),), partitions, schedule=schedule)
    made: list[datetime] = []
    start = partitions.partition("2026-01-02").start
    while len(made) < 365:  # runs are made some days ahead
        made += ticks(schedule, start, ahead)
        start = made[-1] + timedelta(seconds=1)
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
