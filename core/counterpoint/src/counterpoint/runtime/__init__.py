"""Running pipelines: single steps, a whole partition on this machine, and the records that a run leaves."""

from __future__ import annotations

from counterpoint.runtime.adapter_support import (
    condition_holds,
    configured_pipeline,
    final_states,
    is_chosen,
    iso,
    merged,
    native_request,
    runnable,
    served_pipelines,
    step_record,
    why_skipped,
)
from counterpoint.runtime.context import context_of
from counterpoint.runtime.execute import elements, execute
from counterpoint.runtime.failure import describe
from counterpoint.runtime.freshness import Freshness, freshness, in_waves, needed, refuse_missing
from counterpoint.runtime.local import LocalRun
from counterpoint.runtime.records import element_records
from counterpoint.runtime.registry import find_pipeline, refuse_shared_steps, registered
from counterpoint.runtime.run_record import collect
from counterpoint.runtime.subprocess_executor import Attempt, decode_references, execute_attempt, execute_in_child

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
    "final_states",
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
    "step_record",
    "why_skipped",
]
