"""Asks the orchestrator's own API why a run failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.adapter import find_adapter
from counterpoint.model import ErrorInfo, Status
from counterpoint.runtime.registry import find_pipeline, name_of, registered, registered_by_users
from counterpoint.services.reaching import reach
from counterpoint.services.service_environments import running_target

if TYPE_CHECKING:
    from counterpoint.diagnosis.evidence import Evidence
    from counterpoint.diagnosis.find import Place
    from counterpoint.target import DeploymentTarget, Target

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
    """The answer of a run's orchestrator, or of the team's server that made it; None when its services do not run.

    Raises:
        ServiceError: its adapter is not installed in this environment, or it does not answer.
    """
    request = evidence.request
    target: Target | None = evidence.target or running_target(request.root, request.orchestrator)
    if target is None:
        return None
    adapter = find_adapter(request.orchestrator)
    if evidence.target is not None:
        reach(adapter, evidence.target)
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


def find_there(target: DeploymentTarget, subject: str) -> Place | None:
    """The pipeline's name and the run id of a run that a team's server knows, and that has left no record; or None.

    Raises:
        ServiceError: the server does not answer, or refuses.
    """
    adapter = find_adapter(target.kind)
    reach(adapter, target)
    native_id = subject.removeprefix(f"{target.kind}-")
    loadable = filter(name_of, registered_by_users() or registered())
    for pipeline in map(find_pipeline, loadable):
        if adapter.partition_of(target, pipeline, native_id) is not None:
            return pipeline.name, f"{target.kind}-{native_id}"
    return None
