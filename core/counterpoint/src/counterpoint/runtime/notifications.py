"""Telling people how a step ended: after the last attempt, and never at the cost of the run."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from counterpoint.alerts import Alert, heal, tell
from counterpoint.commands import command
from counterpoint.model import HANDLING, PRODUCTION, FailureClass, OutputKind, Severity
from counterpoint.redaction import redacted
from counterpoint.runtime.failure_recorder import attempts_of
from counterpoint.runtime.hooks import StepHook
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.model import ErrorInfo
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product

log = logging.getLogger(__name__)


@contextmanager
def harmless(context: StepContext) -> Iterator[None]:
    """Keeps what is told of a step from changing how it ended."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - what is said of a step must not change how it ended
        log.error("%s: alert not sent: %s: %s", context.step.name, type(error).__name__, redacted(str(error)))  # noqa: TRY400


class Notifications(StepHook):
    """Tells people of failures, of models that were held back, and of what healed."""

    order = 400

    def after(self, context: StepContext, product: Product) -> None:
        """Closes the alerts of the step, and tells of what people want to know although it ended well."""
        tell_success(context, product)

    def given_up(self, context: StepContext, error: ErrorInfo) -> None:
        """Tells that the step failed."""
        with harmless(context):
            if told := _tell_failed(context, FailureClass(error.failure), error):
                note_told(context, told)


def note_told(context: StepContext, told: list[str]) -> None:
    """Notes which alerts told of a step and partition, so that they close when it ends well."""
    path = layout.alerted_step(context.pipeline.name, context.request.version, context.step.name, context.key)
    before = context.store.get_json(path) or []
    context.store.put_json(path, sorted({*before, *told}))


def _heal(context: StepContext) -> None:
    """Closes the alerts that told of this step and partition before; of a mapped one when no element is left."""
    about = (context.pipeline.name, context.request.version, context.step.name)
    path = layout.alerted_step(*about, context.key)
    told = context.store.get_json(path)
    if told is None:
        return
    context.store.delete(path)
    partition, folder = context.request.partition, layout.alerted_folder(*about)
    others = [] if context.index is None else map(layout.name_of, context.store.list(folder))
    if any(other.startswith(f"{partition}.") for other in others):
        return
    for alert_id in told:
        heal(context.store, alert_id, partition, context.request.version)


def _tell_failed(context: StepContext, failure: FailureClass, info: ErrorInfo) -> list[str]:
    handling = HANDLING[failure]
    if handling.severity is None:
        return []
    told = {
        "title": f"{context.pipeline.name}: {context.step.name} failed: {info.type}",
        "detail": f"{info.message}\n{handling.meaning} To act: {handling.told}.",
        "error": info.type,
        "where": info.where,
    }
    return [tell(context.store, _alert(context, failure, handling.severity, **told, command=redo_command(context)))]


def tell_success(context: StepContext, product: Product) -> None:
    """Closes a step's alerts, tells of a model that was held back, and of a step that healed by itself."""
    with harmless(context):
        _heal(context)
    if product.reused:
        return
    with harmless(context):
        _tell_held(context, product)
        if context.attempt > 1:
            _tell_healed(context)


def _tell_held(context: StepContext, product: Product) -> None:
    """A model that was not promoted."""
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
    """A step whose attempt before failed; if that was the last one, a person redid it."""
    path = layout.step_failures(context.pipeline.name, context.request.run_id, context.step.name, context.index)
    before = [
        one for one in attempts_of(context.store, path) if one["attempt"] == context.attempt - 1 and not one["last"]
    ]
    if not before:
        return
    error = before[0]["error"]
    title = f"{context.pipeline.name}: {context.step.name} healed by itself: {error['type']}"
    detail = f"attempt {context.attempt} ended well after: {error['message']}"
    told = {"title": title, "detail": detail, "error": error["type"], "where": error["where"]}
    tell(context.store, _alert(context, FailureClass(error["failure"]), Severity.P3, **told))


def _alert(context: StepContext, failure: FailureClass, severity: Severity, **told: Any) -> Alert:
    request = context.request
    about = {
        "pipeline": context.pipeline.name,
        "step": context.step.name,
        "partition": request.partition,
        "run_id": request.run_id,
        "version": request.version,
        "orchestrator": request.orchestrator,
    }
    return Alert(severity=severity, failure=failure, **about, **told)


def redo_command(context: StepContext) -> str:
    """The exact command that redoes only what failed in the run, or in the backfill that it is part of."""
    request = context.request
    which = ("--run", request.run_id) if request.version == PRODUCTION else ("--backfill", request.version)
    return command("retry", request.pipeline, *which, root=request.root)
