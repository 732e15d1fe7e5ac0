"""The due runs of a pipeline by its schedule; a tick belongs to the partition that ended before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from counterpoint.errors import DefinitionError
from counterpoint.extras import need
from counterpoint.model import Schedule
from counterpoint.model.ticks import next_tick, previous_tick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.model import Pipeline

_INSTANT = timedelta(seconds=1)


class Due(NamedTuple):
    """A scheduled run: its partition, the time when it was due to start, and its deadline, if it has one."""

    partition: str
    at: datetime
    deadline: datetime | None


def due(pipeline: Pipeline, now: datetime) -> tuple[Due, ...]:
    """The newest scheduled run and those before it up to the newest whose deadline has passed, newest first.

    Raises:
        DefinitionError: the pipeline's cron expression is not valid.
    """
    runs = []
    for run in _ticks(pipeline, now):
        runs.append(run)
        if run.deadline is None or run.deadline <= now:
            break
    return tuple(runs)


def _ticks(pipeline: Pipeline, now: datetime) -> Iterator[Due]:
    """Each scheduled partition once, at the first tick after its end, newest first."""
    if pipeline.schedule is None:
        return
    partitions, moment = pipeline.partitions, now.astimezone(UTC) + _INSTANT
    while tick := _tick(pipeline, moment, back=True):
        # a tick belongs to the partition before it
        key = partitions.shift(partitions.key_of(tick), -1)
        if key < partitions.start:
            return
        yield (run := due_of(pipeline, key))
        moment = run.at


def due_of(pipeline: Pipeline, key: str) -> Due:
    """The scheduled run of a partition: at the first tick after its end.

    Raises:
        DefinitionError: the pipeline's cron expression is not valid.
    """
    end = pipeline.partitions.partition(key).end
    first = _tick(pipeline, end - _INSTANT) or end
    return Due(key, first, first + pipeline.deadline if pipeline.deadline else None)


def _tick(pipeline: Pipeline, moment: datetime, *, back: bool = False) -> datetime | None:
    """The tick next to a moment, after it or before it."""
    schedule = pipeline.schedule or Schedule("* * * * *")
    cronsim = need("cronsim", "operate", "deadlines of scheduled runs")

    def times(clock: datetime) -> Iterator[datetime]:
        found: Iterator[datetime] = cronsim.CronSim(schedule.cron, clock, reverse=back)
        return found

    look = previous_tick if back else next_tick
    try:
        return look(times, moment, schedule.timezone)
    except cronsim.CronSimError as error:
        raise DefinitionError(
            f"pipeline {pipeline.name}: its schedule {schedule.cron!r} is no cron: {error}"
        ) from error
