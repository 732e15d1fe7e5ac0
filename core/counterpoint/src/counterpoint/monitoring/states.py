"""The states of a partition's steps in production, on any engine, from their outputs and records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError
from counterpoint.model import RunDecision, Status, order, verdict
from counterpoint.runtime import element_records, elements
from counterpoint.runtime.context import StepContext
from counterpoint.runtime.inputs import is_skipped, standing_elements
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.model import Materialization, RunRequest
    from counterpoint.storage import Store

_LATEST = 7


class Standing(StrEnum):
    """The state of a step of a partition."""

    ENDED = "ended"
    SKIPPED = "skipped"
    FAILED = "failed"
    UPSTREAM_FAILED = "upstream_failed"
    RUNNING = "running"
    WAITING = "waiting"


OPEN = frozenset({Standing.RUNNING, Standing.WAITING})
_STATUS = {
    Standing.ENDED: Status.SUCCESS,
    Standing.SKIPPED: Status.SKIPPED,
    Standing.FAILED: Status.FAILED,
    Standing.UPSTREAM_FAILED: Status.UPSTREAM_FAILED,
}


@dataclass(frozen=True, slots=True)
class StepState:
    """The state of a step: since when, and in which run of which orchestrator, as far as known."""

    standing: Standing
    since: datetime | None = None
    run_id: str | None = None
    orchestrator: str | None = None


def states_of(store: Store, request: RunRequest) -> dict[str, StepState]:
    """The state of each step of a partition, in topological order."""
    states: dict[str, StepState] = {}
    for name in order(store.pipeline):
        context = StepContext(request, store.pipeline, store.pipeline.step(name), store)
        states[name] = _finished(context) or _begun(context) or StepState(_not_begun(context, states))
    return states


def _finished(context: StepContext) -> StepState | None:
    if is_skipped(context, context.step.name):
        return StepState(Standing.SKIPPED)
    entry = _last_entry(context)
    if entry is None:
        return None
    span = span_of(context.store, context.step.name, entry)
    return StepState(Standing.ENDED, span[1] if span else None, entry.run_id)


def _last_entry(context: StepContext) -> Materialization | None:
    """The output of a step; for a mapped step its last element, if all elements exist."""
    if context.step.map_over is None:
        return context.store.entry(context.step.name, context.request.partition)
    existing = standing_elements(context, context.step.name)
    try:
        wanted = elements(context.request, context.step.name, {})
    except CounterpointError:  # the list does not exist yet
        return None
    return existing[-1] if existing and len(existing) >= wanted else None


def _begun(context: StepContext) -> StepState | None:
    mark = context.store.get_json(
        layout.begun_step(context.pipeline.name, context.request.partition, context.step.name)
    )
    if mark is None:
        return None
    since = datetime.fromisoformat(mark["at"])
    failed = _failed_at(context, mark["run_id"])
    is_over = failed is not None and failed >= since
    standing = Standing.FAILED if is_over else Standing.RUNNING
    return StepState(standing, failed if is_over else since, mark["run_id"], mark["orchestrator"])


def _failed_at(context: StepContext, run_id: str) -> datetime | None:
    """When the step, or an element of it, failed for good in a run."""
    files = context.store.list(layout.run_folder(context.pipeline.name, run_id))
    paths = [path for path in files if path.endswith(layout.FAILURES)]
    mine = [path for path in paths if layout.element_of(path)[0] == context.step.name]
    attempts = (attempt for path in mine for attempt in (context.store.get_json(path) or {}).get("attempts", []))
    return max((datetime.fromisoformat(attempt["at"]) for attempt in attempts if attempt["last"]), default=None)


def _not_begun(context: StepContext, states: Mapping[str, StepState]) -> Standing:
    """The state of a step that has not begun, from the states of its upstream steps."""
    before = {name: states[name].standing for name in context.step.upstream}
    if OPEN.intersection(before.values()):
        return Standing.WAITING
    decision = verdict(context.step, {name: _STATUS[standing] for name, standing in before.items()}, {})
    return Standing.WAITING if decision is RunDecision.RUN else Standing(decision.value)


def span_of(store: Store, step: str, entry: Materialization) -> tuple[datetime, datetime] | None:
    """The start and end of the attempt that wrote an output; for a mapped step, of its first and last elements."""
    mapped = store.pipeline.step(step).map_over is not None
    candidates: list[Mapping[str, Any] | None] = (
        [*element_records(store, entry.run_id, step)]
        if mapped
        else [store.get_json(layout.step_record(store.pipeline.name, entry.run_id, step))]
    )
    records = [record for record in candidates if record and record.get("started") and record.get("ended")]
    if not records:
        return None
    began = min(datetime.fromisoformat(record["started"]) for record in records)
    return began, max(datetime.fromisoformat(record["ended"]) for record in records)


def partitions_of(store: Store, step: str) -> list[str]:
    """The partitions of a step with an output in production, oldest first."""
    paths = store.list(layout.catalog_folder(store.version, store.pipeline.name, step))
    return sorted({layout.name_of(path).partition(".")[0] for path in paths})


def newest(store: Store, step: str, key: str) -> Materialization | None:
    """The output of a step for a partition; for a mapped step its first element."""
    suffix = "" if store.pipeline.step(step).map_over is None else ".0"
    return store.entry(step, f"{key}{suffix}")


def usual_seconds(store: Store, steps: Iterable[str], before: str) -> dict[str, float]:
    """The median seconds of each step in the last partitions before one; steps without an output are left out."""
    seconds = {}
    for step in steps:
        keys = [key for key in partitions_of(store, step) if key < before][-_LATEST:]
        entries = (newest(store, step, key) for key in keys)
        spans = [span for entry in entries if entry and (span := span_of(store, step, entry))]
        if spans:
            seconds[step] = median((end - start).total_seconds() for start, end in spans)
    return seconds
