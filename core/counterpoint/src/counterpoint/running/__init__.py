"""Running pipelines: one step at a time, a whole partition on this machine, and what a run leaves behind."""

from __future__ import annotations

from counterpoint.running.child import Attempt, decode_references, execute_attempt, execute_in_child
from counterpoint.running.collect import collect
from counterpoint.running.context import context_of
from counterpoint.running.execute import elements, execute
from counterpoint.running.failure import describe
from counterpoint.running.known import find_pipeline, refuse_shared_steps, registered
from counterpoint.running.local import LocalRun
from counterpoint.running.native import (
    condition_holds,
    configured_pipeline,
    is_chosen,
    iso,
    merged,
    native_request,
    runnable,
    served_pipelines,
    settled,
    step_record,
    why_skipped,
)
from counterpoint.running.records import element_records
from counterpoint.running.upstream import Freshness, freshness, in_waves, needed, refuse_missing

__all__ = [
    "Attempt",
    "Freshness",
    "LocalRun",
    "collect",
    "condition_holds",
    "configured_pipeline",
    "context_of",
    "decode_references",
    "describe",
    "element_records",
    "elements",
    "execute",
    "execute_attempt",
    "execute_in_child",
    "find_pipeline",
    "freshness",
    "in_waves",
    "is_chosen",
    "iso",
    "merged",
    "native_request",
    "needed",
    "refuse_missing",
    "refuse_shared_steps",
    "registered",
    "runnable",
    "served_pipelines",
    "settled",
    "step_record",
    "why_skipped",
]
