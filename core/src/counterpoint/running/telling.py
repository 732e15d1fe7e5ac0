"""Telling people how a step ended: after the last attempt, and never at the cost of the run."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from counterpoint.alerts import Alert, heal, tell
from counterpoint.commands import command
from counterpoint.model import HANDLING, PRODUCTION, FailureClass, OutputKind, Severity
from counterpoint.redaction import redacted
from counterpoint.running.failing import attempts_of
from counterpoint.running.hooks import StepHook
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.model import ErrorInfo
    from counterpoint.running.inputs import Work
    from counterpoint.running.outputs import Product

log = logging.getLogger(__name__)


@contextmanager
def harmless(work: Work) -> Iterator[None]:
    """Keeps what is told of a step from changing how it ended."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - what is said of a step must not change how it ended
        log.error("%s: %s was not told: %s", work.step.name, type(error).__name__, redacted(str(error)))  # noqa: TRY400


class Notifications(StepHook):
    """Tells people of failures, of models that were held back, and of what healed."""

    order = 400

    def after(self, work: Work, product: Product) -> None:
        """Closes the alerts of the step, and tells of what people want to know although it ended well."""
        tell_success(work, product)

    def given_up(self, work: Work, error: ErrorInfo) -> None:
        """Tells that the step failed."""
        with harmless(work):
            if told := _tell_failed(work, FailureClass(error.failure), error):
                note_told(work, told)


def note_told(work: Work, told: list[str]) -> None:
    """Notes which alerts told of a step and partition, so that they close when it ends well."""
    path = layout.alerted_step(work.pipeline.name, work.request.version, work.step.name, work.key)
    before = work.store.get_json(path) or []
    work.store.put_json(path, sorted({*before, *told}))


def _heal(work: Work) -> None:
    """Closes the alerts that told of this step and partition before; of a mapped one when no element is left."""
    about = (work.pipeline.name, work.request.version, work.step.name)
    path = layout.alerted_step(*about, work.key)
    told = work.store.get_json(path)
    if told is None:
        return
    work.store.delete(path)
    partition, folder = work.request.partition, layout.alerted_folder(*about)
    others = [] if work.index is None else map(layout.name_of, work.store.list(folder))
    if any(other.startswith(f"{partition}.") for other in others):
        return
    for alert_id in told:
        heal(work.store, alert_id, partition, work.request.version)


def _tell_failed(work: Work, failure: FailureClass, info: ErrorInfo) -> list[str]:
    handling = HANDLING[failure]
    if handling.severity is None:
        return []
    told = {
        "title": f"{work.pipeline.name}: {work.step.name} failed: {info.type}",
        "detail": f"{info.message}\n{handling.meaning} To act: {handling.told}.",
        "error": info.type,
        "where": info.where,
    }
    return [tell(work.store, _alert(work, failure, handling.severity, **told, command=redo_command(work)))]


def tell_success(work: Work, product: Product) -> None:
    """Closes a step's alerts, tells of a model that was held back, and of a step that healed by itself."""
    with harmless(work):
        _heal(work)
    if product.reused:
        return
    with harmless(work):
        _tell_held(work, product)
        if work.attempt > 1:
            _tell_healed(work)


def _tell_held(work: Work, product: Product) -> None:
    """A model that was not promoted."""
    if work.step.output.kind is not OutputKind.REGISTRATION:
        return
    held = [decision for decision in work.store.read(product.reference) if decision["stage"] == "hold"]
    if held:
        names = ", ".join(decision["model"] for decision in held)
        title = f"{work.pipeline.name}: not promoted: {names}"
        detail = "\n".join(f"{decision['model']}: {decision['reason']}" for decision in held)
        gate = FailureClass.GATE_NOT_PASSED
        tell(work.store, _alert(work, gate, Severity.P2, title=title, detail=detail, error=names))


def _tell_healed(work: Work) -> None:
    """A step whose attempt before failed; if that was the last one, a person redid it."""
    path = layout.step_failures(work.pipeline.name, work.request.run_id, work.step.name, work.index)
    before = [one for one in attempts_of(work.store, path) if one["attempt"] == work.attempt - 1 and not one["last"]]
    if not before:
        return
    error = before[0]["error"]
    title = f"{work.pipeline.name}: {work.step.name} healed by itself: {error['type']}"
    detail = f"attempt {work.attempt} ended well after: {error['message']}"
    told = {"title": title, "detail": detail, "error": error["type"], "where": error["where"]}
    tell(work.store, _alert(work, FailureClass(error["failure"]), Severity.P3, **told))


def _alert(work: Work, failure: FailureClass, severity: Severity, **told: Any) -> Alert:
    request = work.request
    about = {
        "pipeline": work.pipeline.name,
        "step": work.step.name,
        "partition": request.partition,
        "run_id": request.run_id,
        "version": request.version,
        "orchestrator": request.orchestrator,
    }
    return Alert(severity=severity, failure=failure, **about, **told)


def redo_command(work: Work) -> str:
    """The exact command that redoes only what failed in the run, or in the backfill that it is part of."""
    request = work.request
    which = ("--run", request.run_id) if request.version == PRODUCTION else ("--backfill", request.version)
    return command("retry", request.pipeline, *which, root=request.root)
