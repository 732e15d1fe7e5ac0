"""Partitions and windows in Dagster's terms, and back."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import dagster as dg

from counterpoint.model import (
    PartitionKind,
    PartitionMapping,
    Partitions,
    Relation,
    RunRequest,
    Step,
    WindowPolicy,
    part_of,
)
from counterpoint.runtime import native_request
from counterpoint_dagster.keys import PARTITION, REQUEST, SCHEDULE

if TYPE_CHECKING:
    from counterpoint.model import Configuration, Wait

# days of the week count from Sunday
_MONDAY = 1
_DEFINITIONS = {
    PartitionKind.DAILY: dg.DailyPartitionsDefinition,
    PartitionKind.HOURLY: dg.HourlyPartitionsDefinition,
    PartitionKind.WEEKLY: dg.WeeklyPartitionsDefinition,
    PartitionKind.MONTHLY: dg.MonthlyPartitionsDefinition,
}


def partitions_def(partitions: Partitions) -> dg.TimeWindowPartitionsDefinition:
    """Dagster's time window partitions, in the time zone of the partitions, with core's keys."""
    more: dict[str, Any] = {"day_offset": _MONDAY} if partitions.kind is PartitionKind.WEEKLY else {}
    definition: dg.TimeWindowPartitionsDefinition = _DEFINITIONS[partitions.kind](
        start_date=partitions.start, timezone=partitions.timezone, fmt=partitions.form, **more
    )
    return definition


def partitions_of(native: dg.TimeWindowPartitionsDefinition) -> Partitions:
    """The partitions that a definition stands for."""
    kind = next(kind for kind, definition in _DEFINITIONS.items() if isinstance(native, definition))
    return Partitions(kind, native.start.strftime(native.fmt), timezone=native.timezone)


def window_offsets(step: Step, upstream: str) -> tuple[int, int]:
    """The first and last offset at which a step reads an upstream step, over all its inputs from that step."""
    offsets = [(i.window.first, i.window.last) if i.window else (0, 0) for i in step.inputs if i.step == upstream]
    offsets += [(0, 0)] if upstream in step.upstream and not offsets else []
    return min(first for first, _ in offsets), max(last for _, last in offsets)


def mapping(first: int, last: int, *, shrinks: bool = False) -> dg.PartitionMapping:
    """The partition mapping of a window; with `shrinks`, partitions before the first one are left out."""
    if first == last == 0:
        return dg.IdentityPartitionMapping()
    options = {"allow_nonexistent_upstream_partitions": True} if shrinks else {}
    with warnings.catch_warnings():  # the option is in beta, which a user of ours can do nothing about
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.TimeWindowPartitionMapping(start_offset=first, end_offset=last, **options)


def external_mapping(wait: Wait, own: Partitions, theirs: Partitions) -> dg.PartitionMapping:
    """The partition mapping of an input from another pipeline; to all partitions where Dagster has no such mapping.

    Dagster counts offsets in one's own partitions, and maps between those of one time zone only.
    """
    core = PartitionMapping.of(wait, own, theirs)
    shrinks = own.incomplete is WindowPolicy.SHRINK
    if own.timezone != theirs.timezone:
        return dg.AllPartitionMapping()
    if core.relation is Relation.SAME:
        first, last = (wait.window.first, wait.window.last) if wait.window else (wait.offset, wait.offset)
        return mapping(first, last, shrinks=shrinks and wait.window is not None)
    if wait.window or (wait.offset and not core.counts_own):
        return dg.AllPartitionMapping()
    return dg.TimeWindowPartitionMapping(start_offset=wait.offset, end_offset=wait.offset)


def offsets_of(native: dg.PartitionMapping | None) -> tuple[int, int]:
    """The window that a partition mapping stands for."""
    if isinstance(native, dg.TimeWindowPartitionMapping):
        return native.start_offset, native.end_offset
    return 0, 0


def request_of(pipeline: str, run: dg.DagsterRun, configuration: Configuration | None = None) -> RunRequest:
    """The request in a run's tags (a backfill's names no partition); without one, a request for the run's selection.

    Generated definitions give the configuration of their environment to such a run.
    """
    steps = tuple(sorted(key.path[-1] for key in run.asset_selection or ())) or None
    if REQUEST not in run.tags:
        key, scheduled = run.tags[PARTITION], SCHEDULE in run.tags
        return native_request(
            pipeline, key, run.run_id, "dagster", configuration=configuration, scheduled=scheduled, steps=steps
        )
    request = RunRequest.from_json(run.tags[REQUEST])
    return request if request.partition else part_of(request, run.tags[PARTITION], steps)
