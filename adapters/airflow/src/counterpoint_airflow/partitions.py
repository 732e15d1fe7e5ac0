"""Partitions in Airflow's terms: runs carry the key of their partition, and the data interval that it covers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint.model import PartitionKind, RunRequest
from counterpoint.running import find_pipeline, native_request
from counterpoint_airflow.observe import REQUEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Partitions, Pipeline

SCHEDULES = "COUNTERPOINT_SCHEDULES"
# how many fields of a cron are numbers when it ticks once in every partition
_FIXED = {PartitionKind.HOURLY: 1, PartitionKind.DAILY: 2, PartitionKind.MONTHLY: 3}
_EVERY_MONTH_HAS = 28


def timetable(pipeline: Pipeline, *, scheduled: bool) -> Any:
    """The timetable of a pipeline: natively partitioned where Airflow is (3.3), else with data intervals."""
    if not scheduled or pipeline.schedule is None:
        return _unscheduled()
    cron, partitions = pipeline.schedule.cron, pipeline.partitions
    try:
        from airflow.sdk import CronPartitionTimetable, CronTriggerTimetable
    except ImportError:
        from airflow.timetables.interval import CronDataIntervalTimetable
        from airflow.timetables.trigger import CronTriggerTimetable

        interval = CronDataIntervalTimetable(cron, timezone="UTC")
        return interval if _is_regular(cron, partitions.kind) else CronTriggerTimetable(cron, timezone="UTC")
    if not _is_regular(cron, partitions.kind):
        return CronTriggerTimetable(cron, timezone="UTC")
    return CronPartitionTimetable(cron, timezone="UTC", run_offset=-1, key_format=partitions.form)


def _unscheduled() -> Any:
    try:
        from airflow.sdk import PartitionedAtRuntime
    except ImportError:
        return None
    return PartitionedAtRuntime()


def _is_regular(cron: str, kind: PartitionKind) -> bool:
    """Whether each tick of a cron comes in the partition after that of the tick before."""
    fields, fixed = cron.split(), _FIXED[kind]
    plain = all(field.isdecimal() for field in fields[:fixed]) and set(fields[fixed:]) == {"*"}
    return plain and (kind is not PartitionKind.MONTHLY or int(fields[2]) <= _EVERY_MONTH_HAS)


def partitions_of(native: Any, kept: Partitions) -> Partitions:
    """The partitions of a DAG: their start is its own, in the form of its keys."""
    return replace(kept, start=native.start_date.strftime(getattr(native.timetable, "key_format", kept.form)))


def cron_of(native: Any) -> str | None:
    """The cron expression of a DAG's timetable."""
    return getattr(native, "expression", None) or getattr(native, "_expression", None)


def key_of(partitions: Partitions, run: Any) -> str:
    """The partition of a DAG run: its own key, that of its data interval, or the one before it was due.

    A run that a person starts for a logical date, without an interval, is of the partition that holds it.
    """
    if key := getattr(run, "partition_key", None):
        return str(key)
    start, end = run.data_interval_start, run.data_interval_end
    if start and end and start < end:
        return partitions.key_of(start)
    key = partitions.key_of(run.logical_date or run.run_after)
    return key if run.logical_date and str(run.run_type) == "manual" else partitions.shift(key, -1)


def request_of(served: str, context: Mapping[str, Any]) -> RunRequest:
    """The request in a run's conf; of a run that Airflow or a person on its page started, one made of its partition.

    Such a run takes settings from its conf, where the page puts what a person gives as parameters.
    """
    run = context["dag_run"]
    given = dict(run.conf or {})
    if REQUEST in given:
        return RunRequest.from_json(given[REQUEST])
    pipeline = find_pipeline(served)
    made = native_request(served, key_of(pipeline.partitions, run), run.run_id, "airflow")
    return replace(made, config={name: value for name, value in given.items() if name in pipeline.config})
