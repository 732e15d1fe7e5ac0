"""Trigger rules and branches in Prefect's terms: final states whose names say what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.states import Completed, Failed

from counterpoint.model import RunDecision, Status, verdict
from counterpoint.runtime import decode_references, is_chosen, why_skipped
from counterpoint.runtime.groups import members_of
from counterpoint_prefect.keys import SKIPPED, UPSTREAM_FAILED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.client.schemas.objects import State

    from counterpoint.model import RunRequest, Step


def references_of(upstream: Mapping[str, Any]) -> dict[str, Any]:
    """The references that upstream tasks returned; errors and skips are left out."""
    return {name: decode_references(result) for name, result in upstream.items() if status_of(result) is Status.SUCCESS}


def status_of(result: Any) -> Status:
    """The status of an upstream task, from its result: a reference, a list, a skip, or its error."""
    if isinstance(result, list):
        return next((s for s in map(status_of, result) if s is not Status.SUCCESS), Status.SUCCESS)
    if isinstance(result, dict):
        return Status.SUCCESS if "uri" in result else Status.SKIPPED
    return Status.FAILED


def not_to_run(request: RunRequest, step: Step, upstream: Mapping[str, Any]) -> State[Any] | None:
    """The final state of a task that must not run; None if it may run.

    Args:
        request: The request of the run.
        step: The step of the task in the grouped pipeline, whose upstream steps are those of the flow.
        upstream: The results of the upstream tasks.
    """
    states = {name: status_of(result) for name, result in upstream.items()}
    references = references_of(upstream)
    choices = {step.when.step: ""} if step.when and not is_chosen(request, step.name, references) else {}
    decision = verdict(step, states, choices)
    if decision is RunDecision.UPSTREAM_FAILED:
        return Failed(name=UPSTREAM_FAILED, message="an upstream step failed")
    reason = "an upstream step was skipped"
    if decision is RunDecision.RUN:
        reason = "" if members_of(request, step.name) else why_skipped(request, step.name, references) or ""
    return Completed(name=SKIPPED, message=reason, data={"skipped": True}) if reason else None


def native_status(state_type: str, state_name: str | None) -> Status:
    """The status of a task run, from its final state."""
    if state_name == SKIPPED:
        return Status.SKIPPED
    if state_name == UPSTREAM_FAILED:
        return Status.UPSTREAM_FAILED
    return Status.SUCCESS if state_type == "COMPLETED" else Status.FAILED
