"""Assembling a RunRecord: the orchestrator knows how steps ended, the step records what they made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError, StepKilledError
from counterpoint.model import (
    ArtifactRef,
    ErrorInfo,
    FailureClass,
    NativeRun,
    NativeStep,
    Pipeline,
    RunRecord,
    RunRequest,
    Status,
    StepRecord,
    order,
)
from counterpoint.runtime.context import StepContext, digest_of
from counterpoint.runtime.effects import held_back
from counterpoint.runtime.hooks import installed
from counterpoint.runtime.records import element_records, keep_record
from counterpoint.runtime.request_store import note_native
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Step
    from counterpoint.storage import Store


def collect(
    pipeline: Pipeline,
    store: Store,
    request: RunRequest,
    native: NativeRun,
    version: str,
    upstream: Sequence[Mapping[str, Any]] = (),
) -> RunRecord:
    """Stores the record of a run that has ended beside its step records, and returns it.

    Args:
        pipeline: The pipeline.
        store: Its store.
        request: The run.
        native: How the run and its steps ended in the orchestrator.
        version: The orchestrator's version.
        upstream: The runs of earlier partitions that were made before it.
    """
    record = replace(assemble(pipeline, store, request, native, version), upstream=tuple(upstream))
    keep_record(store, record)
    return record


def assemble(pipeline: Pipeline, store: Store, request: RunRequest, native: NativeRun, version: str) -> RunRecord:
    """The record of a run or of a part of it; it is not stored."""
    names = [name for name in order(pipeline) if request.selects(name)]
    steps = tuple(_step(pipeline.step(name), store, request, native.steps.get(name)) for name in names)
    failed = native.failed or any(step.status is Status.FAILED for step in steps)
    note_native(store, pipeline.name, request, native.native_id)
    lineage = layout.run_lineage(pipeline.name, request.run_id)
    return RunRecord(
        run_id=request.run_id,
        pipeline=request.pipeline,
        orchestrator=request.orchestrator,
        orchestrator_version=version,
        date=request.partition,
        version=request.version,
        status=Status.FAILED if failed else Status.SUCCESS,
        started=native.started,
        ended=native.ended,
        steps=steps,
        lineage=store.uri(lineage) if store.get_json(lineage) is not None else None,
        env=request.env,
    )


def _step(step: Step, store: Store, request: RunRequest, native: NativeStep | None) -> StepRecord:
    if native is None or native.status is Status.SKIPPED:
        return skipped(step, request)
    parts = [StepRecord.from_dict(part) for part in _parts(store, request.run_id, step)]
    ran = native.status in {Status.SUCCESS, Status.FAILED}
    record = _merged(step, request, parts) if parts and ran else StepRecord(step.name, native.status)
    if native.status is Status.FAILED and not any(p.error and p.attempts >= native.attempts for p in parts):
        record = replace(record, error=_unrecorded(StepContext(request, store.pipeline, step, store), native))
    return replace(
        record,
        status=native.status,
        attempts=native.attempts,
        started=native.started or record.started,
        ended=native.ended or record.ended,
        error=(record.error or native.error) if native.status is Status.FAILED else None,
        output=record.output if native.status is Status.SUCCESS else None,
    )


def skipped(step: Step, request: RunRequest) -> StepRecord:
    """The record of a skipped step, with the reason if the run, not a branch, skipped it."""
    reason = held_back(request, step)
    return StepRecord(step.name, Status.SKIPPED, details={"reason": reason} if reason else {})


def _unrecorded(context: StepContext, native: NativeStep) -> ErrorInfo:
    """The error of a step that failed without recording it; hooks are called now, because its worker could not."""
    error = native.error
    if error is None or error.failure == FailureClass.UNCLASSIFIED:
        if native.started:
            message = (
                f"the process of step {context.step.name} of {context.request.partition} ended without a record: it was"
                " killed"
            )
            error = ErrorInfo(StepKilledError.__name__, message, failure=FailureClass.KILLED)
        else:
            message = error.message if error else f"{context.step.name} failed before it began"
            error = ErrorInfo(ServiceError.__name__, message, failure=FailureClass.ORCHESTRATOR)
    installed().given_up(context, error)
    return error


def _parts(store: Store, run_id: str, step: Step) -> list[dict[str, Any]]:
    if step.map_over is not None:
        return element_records(store, run_id, step.name)
    record = store.get_json(layout.step_record(store.pipeline.name, run_id, step.name))
    return [record] if record else []


def _merged(step: Step, request: RunRequest, parts: list[StepRecord]) -> StepRecord:
    """One record for all elements of a mapped step; for other steps, their only record."""
    if step.map_over is None:
        return parts[0]
    failed = [part for part in parts if part.error]
    outputs = [part.output for part in parts if part.output]
    return replace(
        failed[0] if failed else parts[0],
        output=_combined_output(step, request, outputs),
        cpu_seconds=sum(part.cpu_seconds or 0 for part in parts),
        peak_memory=max(part.peak_memory or 0 for part in parts),
    )


def _combined_output(step: Step, request: RunRequest, outputs: list[ArtifactRef]) -> ArtifactRef:
    rows = [output.rows for output in outputs if output.rows is not None]
    return ArtifactRef(
        step=step.name,
        partition=request.partition,
        kind="mapped",
        uri=outputs[0].uri if outputs else "",
        table_version=None,
        rows=sum(rows) if rows else None,
        bytes=sum(output.bytes for output in outputs),
        digest=digest_of([output.digest for output in outputs]),
    )
