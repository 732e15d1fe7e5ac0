"""Effects: steps that act on external systems. Each runs once in a run and can read how earlier steps ended."""

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

_NO_RECORD = "it left no record: it was killed, or never began"


def held_back(request: RunRequest, step: Step) -> str | None:
    """Why a run does not run a step that is an effect; None when it does, and for every other step."""
    if not step.effect or request.runs_effects:
        return None
    if request.version == PRODUCTION:
        return "effects are switched off for this run (--no-effects)"
    return f"effects are not run in version {request.version}: ask for them by --effects"


def refuse_held_back(context: StepContext) -> None:
    """Refuses an effect in a run without effects, even if its adapter started it.

    Raises:
        UsageError: The step is an effect, and the run runs none.
    """
    if reason := held_back(context.request, context.step):
        raise UsageError(f"step {context.step.name} of {context.key} must not be run: {reason}")


def idempotency_key(context: StepContext) -> str:
    """32 hexadecimal digits that are equal in all attempts and retries of one effect of one run."""
    about = [context.pipeline.name, context.step.name, context.key, context.request.version, _run_of(context.request)]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]


def _run_of(request: RunRequest) -> str:
    """The run that an effect belongs to: the original of a retry; empty for all runs of one version."""
    if request.version == PRODUCTION or request.force:
        return request.origin or request.run_id
    return ""


def _ledger(context: StepContext) -> str:
    version, run = context.request.version, _run_of(context.request) or "version"
    return layout.effect_record(version, context.pipeline.name, context.step.name, context.key, run)


def done(context: StepContext) -> Materialization | None:
    """The output of an effect that has already succeeded in this run or in the run that it retries, or None."""
    record = context.store.get_json(_ledger(context))
    return Materialization.from_dict(record["entry"]) if record else None


def note_done(context: StepContext, entry: Materialization) -> None:
    """Records that an effect succeeded, before its output is published; from then on it is not run again."""
    record = {"entry": entry.to_dict(), "key": idempotency_key(context), "run_id": context.request.run_id}
    context.store.put_json(_ledger(context), {**record, "at": datetime.now(UTC).isoformat()})


def outcomes_digest(outcomes: Mapping[str, Outcome]) -> str:
    """The digest of the outcomes that a step receives."""
    return digest_of({name: asdict(outcome) for name, outcome in outcomes.items()})


def outcomes_of(context: StepContext, passed: Mapping[str, Any]) -> dict[str, Outcome]:
    """How each direct and indirect upstream step of a step ended in its run, in topological order.

    It is read from the steps' records, so it is the same on every orchestrator. A step outside the run counts as
    succeeded if it has a published output.

    Args:
        context: The step.
        passed: The references that the direct upstream steps passed on.
    """
    outcomes: dict[str, Outcome] = {}
    before = ancestors(context.pipeline, context.step.name)
    for step in (context.pipeline.step(name) for name in order(context.pipeline) if name in before):
        outcomes[step.name] = _outcome(context, step, outcomes, passed)
    return outcomes


def _outcome(context: StepContext, step: Step, before: Mapping[str, Outcome], passed: Mapping[str, Any]) -> Outcome:
    if not context.request.selects(step.name):
        is_published = step.map_over or context.store.entry(step.name, context.request.partition)
        return Outcome(Status.SUCCESS if is_published else Status.SKIPPED)
    decision = verdict(step, {name: outcome.status for name, outcome in before.items()}, {})
    if decision is RunDecision.RUN and (is_skipped(context, step.name) or held_back(context.request, step)):
        decision = RunDecision.SKIP
    if decision is not RunDecision.RUN:
        return Outcome(Status(decision.value))
    records = [StepRecord.from_dict(record) for record in _records(context, step)]
    failed = next((record.error for record in records if record.error), None)
    if failed:
        return Outcome(Status.FAILED, failed.type, failed.message)
    succeeded = records or step.name in passed or step.map_over
    return Outcome(Status.SUCCESS) if succeeded else Outcome(Status.FAILED, "StepKilledError", _NO_RECORD)


def _records(context: StepContext, step: Step) -> list[Any]:
    if step.map_over:
        return element_records(context.store, context.request.run_id, step.name)
    record = context.store.get_json(layout.step_record(context.pipeline.name, context.request.run_id, step.name))
    return [record] if record else []
