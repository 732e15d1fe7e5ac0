"""Partitions in Airflow's terms: a timetable whose runs carry the key of the partition that ended before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.model import RunRequest
from counterpoint.running import native_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Partitions, Pipeline

REQUEST = "counterpoint"
SCHEDULES = "COUNTERPOINT_SCHEDULES"


def timetable(pipeline: Pipeline) -> Any:
    """The timetable of a pipeline: natively partitioned where Airflow is, else with data intervals (before 3.2)."""
    if pipeline.schedule is None:
        return None
    try:
        from airflow.sdk.definitions.timetables.trigger import CronPartitionTimetable
    except ImportError:
        from airflow.sdk.definitions.timetables.interval import CronDataIntervalTimetable

        return CronDataIntervalTimetable(pipeline.schedule.cron, timezone="UTC")
    form = pipeline.partitions.form
    return CronPartitionTimetable(pipeline.schedule.cron, timezone="UTC", run_offset=-1, key_format=form)


def cron_of(native: Any) -> str | None:
    """The cron expression of a DAG's timetable."""
    return getattr(native, "expression", None)


def key_of(partitions: Partitions, run: Any) -> str:
    """The partition of a DAG run: its native key, else that of the start of its data interval."""
    key = getattr(run, "partition_key", None)
    moment = run.data_interval_start or run.logical_date
    if key:
        return str(key)
    return partitions.key_of(moment) if moment else partitions.shift(partitions.key_of(run.run_after), -1)


def request_of(pipeline: Pipeline, context: Mapping[str, Any]) -> RunRequest:
    """The request in a run's conf; of a run that Airflow itself started, one made of its partition."""
    run = context["dag_run"]
    given = (run.conf or {}).get(REQUEST)
    if given:
        return RunRequest.from_json(given)
    return native_request(pipeline.name, key_of(pipeline.partitions, run), run.run_id, "airflow")
