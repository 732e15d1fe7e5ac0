"""Schedules that would miss a partition: those whose ticks change sides of midnight when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from counterpoint.errors import DefinitionError
from counterpoint.model.partitions import PartitionKind
from counterpoint.model.timezones import zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.model.partitions import Partitions
    from counterpoint.model.policies import Schedule

_DAY = timedelta(days=1)
# two years that hold every change of clocks that there is now
_FIRST, _DAYS = datetime(2026, 1, 1, tzinfo=UTC), 730


def check_schedule(pipeline: str, partitions: Partitions, schedule: Schedule | None) -> None:
    """Refuses a schedule by which a partition would be processed twice, and another never.

    Raises:
        DefinitionError: names pipeline, schedule and fix.
    """
    if schedule is None or schedule.timezone == partitions.timezone:
        return
    said = f"pipeline {pipeline}: schedule {schedule.cron!r} in {schedule.timezone}"
    if partitions.kind is PartitionKind.HOURLY:
        raise DefinitionError(
            f"{said}: hours are counted in UTC, and where clocks go back an orchestrator may leave one out; leave out"
            " the schedule's timezone"
        )
    if not _keeps_its_day(partitions, schedule):
        raise DefinitionError(
            f"{said}: its ticks come before midnight in {partitions.timezone} in one part of the year and after it in"
            f" another, so that one partition would be processed twice and one never; choose"
            f" timezone={partitions.timezone!r} for the schedule, or another hour"
        )


def _keeps_its_day(partitions: Partitions, schedule: Schedule) -> bool:
    """Whether one of the ticks of a day is on one side of the partitions' midnight all year."""
    here, there = zone_of(schedule.timezone), zone_of(partitions.timezone)
    moments = [_FIRST + count * _DAY for count in range(_DAYS)]
    ahead = {_offset(moment.astimezone(here)) - _offset(moment.astimezone(there)) for moment in moments}
    times = list(times_of_day(schedule.cron))
    return not times or any(len({(time - difference) // _DAY for difference in ahead}) == 1 for time in times)


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)


def times_of_day(cron: str) -> Iterator[timedelta]:
    """The times of day of a cron expression; none where it is no valid one, which is told by what reads it."""
    minute, hour, *_ = cron.split()
    try:
        minutes, hours = set(_numbers(minute, 59)), set(_numbers(hour, 23))
    except ValueError:
        return
    yield from (timedelta(hours=hour, minutes=minute) for hour in hours for minute in minutes)


def _numbers(field: str, last: int) -> Iterator[int]:
    for part in field.split(","):
        span, _, every = part.partition("/")
        low, _, high = span.partition("-")
        if span == "*":
            low, high = "0", str(last)
        elif not high:
            high = str(last) if every else low
        yield from range(int(low), int(high) + 1, int(every or 1))
