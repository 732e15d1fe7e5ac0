"""How the steps of a partition are in production, whatever runs them: by what stands, and what was noted."""

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
    """How a step of a partition is."""

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
    """How a step is, since when, and in which run of which orchestrator, as far as that is known."""

    standing: Standing
    since: datetime | None = None
    run_id: str | None = None
    orchestrator: str | None = None


def states_of(store: Store, request: RunRequest) -> dict[str, StepState]:
    """How each step of a partition is, in topological order."""
    found: dict[str, StepState] = {}
    for name in order(store.pipeline):
        context = StepContext(request, store.pipeline, store.pipeline.step(name), store)
        found[name] = _made(context) or _begun(context) or StepState(_not_begun(context, found))
    return found


def _made(context: StepContext) -> StepState | None:
    if is_skipped(context, context.step.name):
        return StepState(Standing.SKIPPED)
    entry = _last_entry(context)
    if entry is None:
        return None
    span = span_of(context.store, context.step.name, entry)
    return StepState(Standing.ENDED, span[1] if span else None, entry.run_id)


def _last_entry(context: StepContext) -> Materialization | None:
    """What stands of a step; of a mapped step its last element, when all of them stand."""
    if context.step.map_over is None:
        return context.store.entry(context.step.name, context.request.partition)
    standing = standing_elements(context, context.step.name)
    try:
        wanted = elements(context.request, context.step.name, {})
    except CounterpointError:  # the list is not made yet
        return None
    return standing[-1] if standing and len(standing) >= wanted else None


def _begun(context: StepContext) -> StepState | None:
    told = context.store.get_json(
        layout.begun_step(context.pipeline.name, context.request.partition, context.step.name)
    )
    if told is None:
        return None
    since = datetime.fromisoformat(told["at"])
    failed = _failed_at(context, told["run_id"])
    is_over = failed is not None and failed >= since
    standing = Standing.FAILED if is_over else Standing.RUNNING
    return StepState(standing, failed if is_over else since, told["run_id"], told["orchestrator"])


def _failed_at(context: StepContext, run_id: str) -> datetime | None:
    """When the step, or an element of it, failed for good in a run."""
    files = context.store.list(layout.run_folder(context.pipeline.name, run_id))
    paths = [path for path in files if path.endswith(layout.FAILURES)]
    mine = [path for path in paths if layout.element_of(path)[0] == context.step.name]
    attempts = (attempt for path in mine for attempt in (context.store.get_json(path) or {}).get("attempts", []))
    return max((datetime.fromisoformat(attempt["at"]) for attempt in attempts if attempt["last"]), default=None)


def _not_begun(context: StepContext, found: Mapping[str, StepState]) -> Standing:
    """What becomes of a step that has not begun, by how those before it are."""
    before = {name: found[name].standing for name in context.step.upstream}
    if OPEN.intersection(before.values()):
        return Standing.WAITING
    becomes = verdict(context.step, {name: _STATUS[standing] for name, standing in before.items()}, {})
    return Standing.WAITING if becomes is RunDecision.RUN else Standing(becomes.value)


def span_of(store: Store, step: str, entry: Materialization) -> tuple[datetime, datetime] | None:
    """When the attempt that made an output began and ended (of a mapped step: its first and its last element)."""
    mapped = store.pipeline.step(step).map_over is not None
    found: list[Mapping[str, Any] | None] = (
        [*element_records(store, entry.run_id, step)]
        if mapped
        else [store.get_json(layout.step_record(store.pipeline.name, entry.run_id, step))]
    )
    records = [record for record in found if record and record.get("started") and record.get("ended")]
    if not records:
        return None
    began = min(datetime.fromisoformat(record["started"]) for record in records)
    return began, max(datetime.fromisoformat(record["ended"]) for record in records)


def partitions_of(store: Store, step: str) -> list[str]:
    """The keys of the partitions of a step that stand in production, oldest first."""
    paths = store.list(layout.catalog_folder(store.version, store.pipeline.name, step))
    return sorted({layout.name_of(path).partition(".")[0] for path in paths})


def newest(store: Store, step: str, key: str) -> Materialization | None:
    """What stands of a step for a partition; of a mapped step its first element."""
    suffix = "" if store.pipeline.step(step).map_over is None else ".0"
    return store.entry(step, f"{key}{suffix}")


def usual_seconds(store: Store, steps: Iterable[str], before: str) -> dict[str, float]:
    """The median seconds of each step in the last partitions before one; steps that were never made are left out."""
    found = {}
    for step in steps:
        keys = [key for key in partitions_of(store, step) if key < before][-_LATEST:]
        entries = (newest(store, step, key) for key in keys)
        spans = [span for entry in entries if entry and (span := span_of(store, step, entry))]
        if spans:
            found[step] = median((end - start).total_seconds() for start, end in spans)
    return found
