"""Asks the orchestrator's own API why a run failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.adapter import find_adapter
from counterpoint.model import ErrorInfo, Status
from counterpoint.services.service_environments import running_target

if TYPE_CHECKING:
    from counterpoint.diagnosis.evidence import Evidence

# the error of a step when the orchestrator gives no reason
UNSAID = ErrorInfo("Unknown", "the orchestrator says that it failed, and not why", failure="orchestrator")


@dataclass(frozen=True)
class Told:
    """An orchestrator's answer about a run: its status, and the errors of its steps (`''`: of the run itself)."""

    status: str
    causes: Mapping[str, ErrorInfo]


# asks for the answer about a run; None when the services do not run
Ask = Callable[["Evidence"], Told | None]


def ask_service(evidence: Evidence) -> Told | None:
    """The orchestrator's answer about a run; None when its services do not run.

    Raises:
        ServiceError: its adapter is not installed in this environment, or it does not answer.
    """
    request = evidence.request
    target = running_target(request.root, request.orchestrator)
    if target is None:
        return None
    adapter = find_adapter(request.orchestrator)
    names = list(evidence.kept.get("native", {})) or [request.run_id.removeprefix(f"{request.orchestrator}-")]
    # the status first, then the causes: the run may end in between
    ended = adapter.observe(target, request, names[-1])
    causes = {step: error for native_id in names for step, error in adapter.causes(target, request, native_id).items()}
    if ended and ended.failed and not causes:
        causes = {name: step.error or UNSAID for name, step in ended.steps.items() if step.status is Status.FAILED}
        causes = causes or {"": UNSAID}
    if causes:
        return Told("failed", causes)
    return Told("running" if ended is None else "success", causes)
