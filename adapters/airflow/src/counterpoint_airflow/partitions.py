"""Partitions in Airflow's terms: a run carries the key of its partition and the data interval that it covers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint.model import RunRequest, part_of, steps_in
from counterpoint.runtime import find_pipeline, native_request
from counterpoint_airflow.keys import REQUEST, SPANS
from counterpoint_airflow.timetable import PartitionTimetable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Configuration, Partitions, Pipeline, Schedule


def timetable(pipeline: Pipeline, *, scheduled: bool) -> PartitionTimetable:
    """The timetable of a pipeline; without a schedule, runs are created on demand only."""
    return PartitionTimetable(pipeline.partitions, pipeline.schedule if scheduled else None)


def partitions_of(native: Any, kept: Partitions) -> Partitions:
    """The partitions of a DAG, which start at the DAG's start date."""
    return replace(kept, start=kept.key_of(native.start_date))


def schedule_of(native: PartitionTimetable) -> Schedule | None:
    """The schedule of a DAG's timetable."""
    return native.schedule


def key_of(partitions: Partitions, run: Any) -> str:
    """The partition of a DAG run: its own key, the key of its data interval, or the last one that ended before it.

    A manual run with a logical date and without an interval belongs to the partition that holds the date.
    """
    if key := getattr(run, "partition_key", None):
        return str(key)
    start, end = run.data_interval_start, run.data_interval_end
    if start and end and start < end:
        return partitions.key_of(start)
    key = partitions.key_of(run.logical_date or run.run_after)
    return key if run.logical_date and run.run_type == "manual" else partitions.shift(key, -1)


def request_of(served: str, context: Mapping[str, Any], configuration: Configuration | None = None) -> RunRequest:
    """The request in a run's conf; for a run that Airflow or a person started, a new request for its partition.

    Such a run takes settings from its conf, where the page puts the parameters that a person enters. A generated DAG
    file gives the configuration of its environment.
    """
    run, pipeline = context["dag_run"], find_pipeline(served)
    conf = dict(run.conf or {})
    if REQUEST in conf:
        request = RunRequest.from_json(conf[REQUEST])
        key = request.partition or key_of(pipeline.partitions, run)
        return request if request.partition else part_of(request, key, steps_in(conf[SPANS], key))
    key, scheduled = key_of(pipeline.partitions, run), run.run_type == "scheduled"
    return native_request(
        served, key, run.run_id, "airflow", configuration=configuration, scheduled=scheduled, config=pipeline.own(conf)
    )
