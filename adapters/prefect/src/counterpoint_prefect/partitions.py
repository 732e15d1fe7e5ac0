"""Partitions in Prefect's terms: a flow parameter; a scheduled run takes the partition that ended before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prefect.context import FlowRunContext

from counterpoint.model import RunRequest
from counterpoint.model.schedules import times_of_day
from counterpoint.model.timezones import shown_at
from counterpoint.runtime import find_pipeline, native_request

if TYPE_CHECKING:
    from counterpoint.model import Configuration, Pipeline, Schedule

# a clock is moved by no more at once
_CHANGE, _NONE = timedelta(hours=3), timedelta(0)


def tick_of(schedule: Schedule, moment: datetime) -> datetime:
    """The tick that a run was scheduled for.

    In the night in which clocks go forward, Prefect starts what lies in the time that they leave out as much too early
    as they jump, which may be before midnight.
    """
    shown = shown_at(moment, schedule.timezone)
    if timedelta(hours=shown.hour, minutes=shown.minute) in set(times_of_day(schedule.cron)):
        return moment
    # a plain datetime: Prefect's own is one of Pendulum's
    plain = datetime.fromtimestamp(moment.timestamp(), UTC)
    jump = shown_at(plain + _CHANGE, schedule.timezone) - shown - _CHANGE
    jumps_before = shown_at(plain + jump, schedule.timezone) - shown != jump
    return plain + jump if jump > _NONE and jumps_before else moment


def newest_key(pipeline: Pipeline, moment: datetime, *, scheduled: bool) -> str:
    """The partition that ended before the moment for which a run was expected."""
    partitions = pipeline.partitions
    tick = tick_of(pipeline.schedule, moment) if pipeline.schedule and scheduled else moment
    return partitions.shift(partitions.key_of(tick), -1)


def request_of(
    served: str, date: str | None, request: str | None, configuration: Configuration | None = None
) -> RunRequest:
    """The request of a flow run: the one passed to it, or a new one from its date or its scheduled time.

    A new one goes by what is served, or by the configuration that a generated file gives.
    """
    if request:
        return RunRequest.from_json(request)
    run = getattr(FlowRunContext.get(), "flow_run", None)
    moment = (run.expected_start_time if run else None) or datetime.now(UTC)
    scheduled = bool(run and run.auto_scheduled)
    key = date or newest_key(find_pipeline(served), moment, scheduled=scheduled)
    native_id = str(run.id if run else "here")
    return native_request(served, key, native_id, "prefect", configuration, scheduled=scheduled)
