"""Recording a failed attempt at a step, with everything that explains it."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ChildStepError
from counterpoint.model import ArtifactRef, StepRecord
from counterpoint.model.graph import Status
from counterpoint.redaction import safe, scrub
from counterpoint.runtime.failure import describe
from counterpoint.runtime.request_store import keep_request
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.model import ErrorInfo
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.inputs import Given
    from counterpoint.storage import Store


def failed(
    context: StepContext, error: Exception, *, given: Mapping[str, Given] | None = None, log: Iterable[str] = ()
) -> StepRecord:
    """Stores what explains a failed attempt, and returns the step's record.

    Afterwards the error holds no secrets and carries its failure class for every orchestrator; see `told`.
    """
    info = describe(error, context.pipeline.failures)
    scrub(error)
    with suppress(AttributeError, TypeError):  # a class with slots takes no attribute
        error.failure = info.failure  # type: ignore[attr-defined]
    keep(context, info, given=given or {}, log=log)
    return StepRecord(context.step.name, Status.FAILED, context.attempt, error=info)


def told(error: Exception, record: StepRecord) -> Exception:
    """The error to raise to the orchestrator: the step's own, or a substitute when that still holds a secret."""
    return error if record.error is None or safe(error) else ChildStepError(record.error)


def keep(context: StepContext, info: ErrorInfo, *, given: Mapping[str, Given], log: Iterable[str]) -> None:
    """Stores one failed attempt with the others of the step in this run."""
    path = layout.step_failures(context.pipeline.name, context.request.run_id, context.step.name, context.index)
    others = [entry for entry in attempts_of(context.store, path) if entry["attempt"] != context.attempt]
    attempt = {
        "attempt": context.attempt,
        "at": datetime.now(UTC).isoformat(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "last": is_last(context, info),
        "error": info.to_dict(),
        "inputs": {name: _brief(reference) for name, reference in given.items()},
        "log": list(log),
    }
    context.store.put_json(path, {"attempts": [*others, attempt]})
    # a run that the orchestrator started by itself has its request stored here only
    by_itself = context.request.run_id.startswith(f"{context.request.orchestrator}-")
    keep_request(context.store, context.pipeline.name, context.request, service=by_itself)


def attempts_of(store: Store, path: str) -> list[dict[str, Any]]:
    """The failed attempts that are stored at a path, oldest first."""
    attempts: list[dict[str, Any]] = (store.get_json(path) or {}).get("attempts", [])
    return attempts


def is_last(context: StepContext, info: ErrorInfo) -> bool:
    """Whether no other attempt follows."""
    return context.attempt > context.step.retry.retries or not info.retryable


def _brief(given: Given) -> Any:
    """The parts of references that identify an input: place, version, rows, digest."""
    if given is None:
        return None
    if isinstance(given, ArtifactRef):
        names = ("step", "partition", "uri", "table_version", "rows", "digest")
        return {name: getattr(given, name) for name in names}
    return [_brief(reference) for reference in (given.values() if isinstance(given, dict) else given)]
