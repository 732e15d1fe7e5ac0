"""Notifications of how a step ended, sent after the last attempt; their errors never fail the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.alerts import Alert, heal, tell
from counterpoint.commands import command
from counterpoint.model import HANDLING, PRODUCTION, FailureClass, OutputKind, Severity
from counterpoint.runtime.failure_recorder import attempts_of
from counterpoint.runtime.hooks import StepHook, harmless
from counterpoint.storage import layout

if TYPE_CHECKING:
    from counterpoint.model import ErrorInfo
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product


class Notifications(StepHook):
    """Sends alerts of failures, of models that were not promoted, and of steps that recovered."""

    order = 400

    def after(self, context: StepContext, product: Product) -> None:
        """Closes the alerts of the step, and sends those that a successful step can cause."""
        tell_success(context, product)

    def given_up(self, context: StepContext, error: ErrorInfo) -> None:
        """Sends the alert that the step failed."""
        if alert_ids := _tell_failed(context, FailureClass(error.failure), error):
            note_told(context, alert_ids)


def note_told(context: StepContext, alert_ids: list[str]) -> None:
    """Notes the alerts of a step and partition, so that they are closed when it succeeds."""
    path = layout.alerted_step(context.pipeline.name, context.request.version, context.step.name, context.key)
    before = context.store.get_json(path) or []
    context.store.put_json(path, sorted({*before, *alert_ids}))


def _heal(context: StepContext) -> None:
    """Closes the earlier alerts of this step and partition; of a mapped step, once no failed element is left."""
    about = (context.pipeline.name, context.request.version, context.step.name)
    path = layout.alerted_step(*about, context.key)
    alert_ids = context.store.get_json(path)
    if alert_ids is None:
        return
    context.store.delete(path)
    partition, folder = context.request.partition, layout.alerted_folder(*about)
    elements = [] if context.index is None else map(layout.name_of, context.store.list(folder))
    if any(element.startswith(f"{partition}.") for element in elements):
        return
    for alert_id in alert_ids:
        heal(context.store, alert_id, partition, context.request.version)


def _tell_failed(context: StepContext, failure: FailureClass, info: ErrorInfo) -> list[str]:
    handling = HANDLING[failure]
    if handling.severity is None:
        return []
    content = {
        "title": f"{context.pipeline.name}: {context.step.name} failed: {info.type}",
        "detail": f"{info.message}\n{handling.meaning} To act: {handling.responder}.",
        "error": info.type,
        "where": info.where,
    }
    return [tell(context.store, _alert(context, failure, handling.severity, **content, command=redo_command(context)))]


def tell_success(context: StepContext, product: Product) -> None:
    """Closes a step's alerts, and reports a model that was not promoted or a step that recovered by itself."""
    with harmless(f"no alert was sent for {context.step.name}"):
        _heal(context)
    if product.reused:
        return
    with harmless(f"no alert was sent for {context.step.name}"):
        _tell_held(context, product)
        if context.attempt > 1:
            _tell_healed(context)


def _tell_held(context: StepContext, product: Product) -> None:
    """Reports a model that was not promoted."""
    if context.step.output.kind is not OutputKind.REGISTRATION:
        return
    held = [decision for decision in context.store.read(product.reference) if decision["stage"] == "hold"]
    if held:
        names = ", ".join(decision["model"] for decision in held)
        title = f"{context.pipeline.name}: not promoted: {names}"
        detail = "\n".join(f"{decision['model']}: {decision['reason']}" for decision in held)
        gate = FailureClass.GATE_NOT_PASSED
        tell(context.store, _alert(context, gate, Severity.P2, title=title, detail=detail, error=names))


def _tell_healed(context: StepContext) -> None:
    """Reports a step whose previous attempt failed, unless that was the last one: then a person reran it."""
    path = layout.step_failures(context.pipeline.name, context.request.run_id, context.step.name, context.index)
    before = [
        entry
        for entry in attempts_of(context.store, path)
        if entry["attempt"] == context.attempt - 1 and not entry["last"]
    ]
    if not before:
        return
    error = before[0]["error"]
    title = f"{context.pipeline.name}: {context.step.name} healed by itself: {error['type']}"
    detail = f"attempt {context.attempt} ended well after: {error['message']}"
    content = {"title": title, "detail": detail, "error": error["type"], "where": error["where"]}
    tell(context.store, _alert(context, FailureClass(error["failure"]), Severity.P3, **content))


def _alert(context: StepContext, failure: FailureClass, severity: Severity, **content: Any) -> Alert:
    request = context.request
    about = {
        "pipeline": context.pipeline.name,
        "step": context.step.name,
        "partition": request.partition,
        "run_id": request.run_id,
        "version": request.version,
        "orchestrator": request.orchestrator,
    }
    return Alert(severity=severity, failure=failure, **about, **content)


def redo_command(context: StepContext) -> str:
    """The command that reruns only what failed in the run, or in the backfill that it is part of."""
    request = context.request
    which = ("--run", request.run_id) if request.version == PRODUCTION else ("--backfill", request.version)
    return command("retry", request.pipeline, *which, root=request.root)
