"""The record and lineage of a run that its orchestrator started by itself, so that no command waits for its end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from counterpoint.model import ArtifactRef, NativeRun, NativeStep, RunDecision, Status, order, verdict
from counterpoint.orchestrators import version_of
from counterpoint.redaction import redacted
from counterpoint.runtime.context import StepContext
from counterpoint.runtime.failure_recorder import attempts_of
from counterpoint.runtime.hooks import StepHook
from counterpoint.runtime.inputs import count_of
from counterpoint.runtime.records import element_records
from counterpoint.runtime.run_record import collect
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Step, StepRecord
    from counterpoint.runtime.outputs import Product

log = logging.getLogger(__name__)


class RunEnd(StepHook):
    """Writes the record and lineage of a run that its orchestrator started, once its last step has ended."""

    order = 900

    def after(self, context: StepContext, product: Product) -> None:  # noqa: ARG002 - of the hook
        """Checks whether this was the last step."""
        note_ended(context)

    def failed(self, context: StepContext, record: StepRecord) -> None:  # noqa: ARG002 - of the hook
        """Checks whether this was the last step."""
        note_ended(context)


def note_ended(context: StepContext) -> None:
    """Writes the record and lineage of a run that its orchestrator started, once its last step has ended.

    Each step checks this when it ends, so the last one sees all others. It never raises.
    """
    request = context.request
    if not request.run_id.startswith(f"{request.orchestrator}-"):
        return
    try:
        stored = context.store.get_json(layout.run_request(context.pipeline.name, request.run_id)) or {}
        if "owner" not in stored and (steps := _ended(context)) is not None:
            _write_run(context, steps)
    except Exception as error:  # noqa: BLE001 - a missing record must not fail the run
        log.warning("run %s was not recorded: %s: %s", request.run_id, type(error).__name__, redacted(str(error)))


def _ended(context: StepContext) -> dict[str, NativeStep] | None:
    """How all steps of a run ended; None while a step may still run."""
    ended: dict[str, NativeStep] = {}
    states: dict[str, Status] = {}
    choices: dict[str, str] = {}
    for step in map(context.pipeline.step, order(context.pipeline)):
        if not context.request.selects(step.name):
            continue
        native = _recorded(context, step)
        if native is None:
            decision = verdict(step, states, choices)
            if decision is RunDecision.RUN:
                return None
            native = NativeStep(Status(decision.value), 0)
        ended[step.name], states[step.name] = native, native.status
        if native.status is Status.SUCCESS and any(s.when and s.when.step == step.name for s in context.pipeline.steps):
            choices[step.name] = str(context.store.read(ArtifactRef.from_dict(_record(context, step.name)["output"])))
    return ended


def _recorded(context: StepContext, step: Step) -> NativeStep | None:
    """How a step ended, by its own records; None when it has not."""
    name, run_id = context.pipeline.name, context.request.run_id
    parts: Sequence[Mapping[str, Any]] = [record] if (record := _record(context, step.name)) else []
    indices: tuple[int | None, ...] = (None,)
    if step.map_over is not None:
        parts = element_records(context.store, run_id, step.name)
        indices = tuple(range(len(parts)))
    failed = [n for n, part in zip(indices, parts, strict=False) if part["status"] == Status.FAILED.value]
    tries = [attempts_of(context.store, layout.step_failures(name, run_id, step.name, index)) for index in failed]
    if any(attempts and attempts[-1]["last"] for attempts in tries):
        return _native(Status.FAILED, parts)
    if failed or len(parts) < _count(context, step):
        return None
    return _native(Status.SUCCESS, parts)


def _count(context: StepContext, step: Step) -> int:
    """The number of records that a step leaves when it succeeds."""
    if step.map_over is None:
        return 1
    records = {name: _record(context, name) for name in step.upstream}
    if not all(record.get("output") for record in records.values()):
        return 1
    passed = {name: ArtifactRef.from_dict(record["output"]) for name, record in records.items()}
    return count_of(StepContext(context.request, context.pipeline, step, context.store), passed)


def _native(status: Status, parts: Sequence[Mapping[str, Any]]) -> NativeStep:
    started = min((part["started"] for part in parts), default=None)
    ended = max((part["ended"] for part in parts), default=None)
    return NativeStep(status, max((part["attempts"] for part in parts), default=1), started, ended)


def _record(context: StepContext, step: str) -> Mapping[str, Any]:
    path = layout.step_record(context.pipeline.name, context.request.run_id, step)
    record: Mapping[str, Any] = context.store.get_json(path) or {}
    return record


def _write_run(context: StepContext, steps: Mapping[str, NativeStep]) -> None:
    from counterpoint.lineage import RunEnvironment, keep_whole

    request, store = context.request, context.store
    environment = RunEnvironment.of(context.pipeline, request.root)
    keep_whole(store, context.pipeline, request, environment)
    native = NativeRun(
        request.run_id.removeprefix(f"{request.orchestrator}-"),
        any(step.status is Status.FAILED for step in steps.values()),
        min((step.started for step in steps.values() if step.started), default=None),
        max((step.ended for step in steps.values() if step.ended), default=None),
        steps,
    )
    collect(context.pipeline, store, request, native, version_of(request.orchestrator) or "unknown")
