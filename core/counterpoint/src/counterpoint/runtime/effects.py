"""Steps that act on the world outside: run once in every run, and told how the steps before them ended."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import (
    PRODUCTION,
    Materialization,
    Outcome,
    RunDecision,
    Status,
    StepRecord,
    ancestors,
    order,
    verdict,
)
from counterpoint.runtime.context import digest_of
from counterpoint.runtime.inputs import is_skipped
from counterpoint.runtime.records import element_records
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import RunRequest, Step
    from counterpoint.runtime.context import StepContext

_UNTOLD = "it ended without a word: it was killed, or never began"


def held_back(request: RunRequest, step: Step) -> str | None:
    """Why an effect is not run in a run; None when it is, as is a step that is none."""
    if not step.effect or request.runs_effects:
        return None
    if request.version == PRODUCTION:
        return "effects are not run, as it was asked for (--no-effects)"
    return f"effects are not run in version {request.version}: ask for them by --effects"


def refuse_held_back(context: StepContext) -> None:
    """Refuses to run an effect in a run that is to have none, whatever its adapter let begin.

    Raises:
        UsageError: it is one.
    """
    if reason := held_back(context.request, context.step):
        raise UsageError(f"step {context.step.name} of {context.key} must not be run: {reason}")


def idempotency_key(context: StepContext) -> str:
    """32 hexadecimal digits that are the same at every attempt, and in every retry, of one effect of one run."""
    about = [context.pipeline.name, context.step.name, context.key, context.request.version, _run_of(context.request)]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]


def _run_of(request: RunRequest) -> str:
    """The run that an effect belongs to: the one that is retried; in a version, all that make that version."""
    if request.version == PRODUCTION or request.force:
        return request.origin or request.run_id
    return ""


def _ledger(context: StepContext) -> str:
    version, run = context.request.version, _run_of(context.request) or "version"
    return layout.effect_record(version, context.pipeline.name, context.step.name, context.key, run)


def done(context: StepContext) -> Materialization | None:
    """What an effect left when it ended well in this run before, or in the run that this one retries."""
    found = context.store.get_json(_ledger(context))
    return Materialization.from_dict(found["entry"]) if found else None


def note_done(context: StepContext, entry: Materialization) -> None:
    """Notes that an effect ended well, before its output is published: from here on it is not run again."""
    told = {"entry": entry.to_dict(), "key": idempotency_key(context), "run_id": context.request.run_id}
    context.store.put_json(_ledger(context), {**told, "at": datetime.now(UTC).isoformat()})


def outcomes_digest(outcomes: Mapping[str, Outcome]) -> str:
    """The digest of what a step was told of those before it."""
    return digest_of({name: asdict(outcome) for name, outcome in outcomes.items()})


def outcomes_of(context: StepContext, passed: Mapping[str, Any]) -> dict[str, Outcome]:
    """How each step before a step ended in its run, directly before it or not, in topological order.

    It is read from what the steps recorded, so it is the same on every orchestrator; `passed` are the references that
    steps directly before it handed on. A step that is not part of the run counts by what stands of it.
    """
    found: dict[str, Outcome] = {}
    before = ancestors(context.pipeline, context.step.name)
    for step in (context.pipeline.step(name) for name in order(context.pipeline) if name in before):
        found[step.name] = _outcome(context, step, found, passed)
    return found


def _outcome(context: StepContext, step: Step, before: Mapping[str, Outcome], passed: Mapping[str, Any]) -> Outcome:
    if not context.request.selects(step.name):
        stands = step.map_over or context.store.entry(step.name, context.request.partition)
        return Outcome(Status.SUCCESS if stands else Status.SKIPPED)
    becomes = verdict(step, {name: outcome.status for name, outcome in before.items()}, {})
    if becomes is RunDecision.RUN and (is_skipped(context, step.name) or held_back(context.request, step)):
        becomes = RunDecision.SKIP
    if becomes is not RunDecision.RUN:
        return Outcome(Status(becomes.value))
    records = [StepRecord.from_dict(record) for record in _records(context, step)]
    failed = next((record.error for record in records if record.error), None)
    if failed:
        return Outcome(Status.FAILED, failed.type, failed.message)
    is_well = records or step.name in passed or step.map_over
    return Outcome(Status.SUCCESS) if is_well else Outcome(Status.FAILED, "StepKilledError", _UNTOLD)


def _records(context: StepContext, step: Step) -> list[Any]:
    if step.map_over:
        return element_records(context.store, context.request.run_id, step.name)
    found = context.store.get_json(layout.step_record(context.pipeline.name, context.request.run_id, step.name))
    return [found] if found else []
