"""Explains a failed run by the records of its workers or, where they are missing, by the orchestrator's answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint.commands import command
from counterpoint.diagnosis.asking import UNSAID
from counterpoint.diagnosis.causes import Cause, grouped, recorded, told
from counterpoint.diagnosis.evidence import Evidence, read
from counterpoint.errors import ServiceError
from counterpoint.model import ArtifactRef, ErrorInfo, OutputKind, Status
from counterpoint.runtime.adapter_support import DEPLOYED, runnable
from counterpoint.runtime.approvals import approval_wait, decisions_of
from counterpoint.runtime.request_store import TARGET
from counterpoint.services.processes import Owner
from counterpoint.services.service_environments import running_target
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.diagnosis.asking import Ask
    from counterpoint.diagnosis.find import Place
    from counterpoint.model import RunRecord
    from counterpoint.storage.objects import Objects
    from counterpoint.target import DeploymentTarget, Target


def explain(objects: Objects, place: Place, ask: Ask, target: DeploymentTarget | None = None) -> dict[str, Any]:
    """The causes of a run's failure, as JSON values; `ask` is called only where records are missing.

    `target` is the team's server of the environment, which may have made the run.

    Raises:
        UsageError: the run has left no records.
        ServiceError: the orchestrator has to be asked, and does not run.
    """
    evidence = read(objects, place, target)
    causes, status = causes_of(evidence, ask)
    request = evidence.request
    states = evidence.states
    return {
        "run_id": request.run_id,
        "pipeline": request.pipeline,
        "orchestrator": request.orchestrator,
        "date": request.partition or None,
        "version": request.version,
        "status": status,
        "causes": [cause.to_dict() for cause in grouped(causes)],
        "skipped": [name for name, state in states.items() if state is Status.SKIPPED],
        "held": [] if causes else held(objects.root, evidence),
        "approvals": approvals(objects, evidence),
        "redo": redo(evidence) if status in {"failed", "interrupted"} else None,
        "page": page(evidence),
    }


def causes_of(evidence: Evidence, ask: Ask) -> tuple[list[Cause], str]:
    """The causes of a run, and its status: success, failed, running or interrupted."""
    causes = [recorded(evidence, tries) for tries in evidence.tries]
    if evidence.record is not None:
        causes = _of_ended_run(evidence, evidence.record, ask, causes)
        return causes, "failed" if causes else evidence.record.status.value
    if any(not cause.again for cause in causes):
        return causes, "failed"
    if not is_served(evidence):
        return _of_a_command(evidence, causes)
    answer = ask(evidence)
    if answer is None and not causes:
        raise _unanswered(evidence)
    if answer is None or not answer.causes:
        return causes, answer.status if answer else "running"
    return _reported(replace(evidence, silent=frozenset(answer.causes) - {""}), answer.causes), answer.status


def _reported(evidence: Evidence, causes: Mapping[str, ErrorInfo]) -> list[Cause]:
    by = evidence.request.orchestrator
    return [told(evidence, name or None, error, by) for name, error in causes.items()]


def _of_ended_run(evidence: Evidence, record: RunRecord, ask: Ask, known: list[Cause]) -> list[Cause]:
    """The causes of an ended run: as recorded, or as reported where no worker recorded the last attempt."""
    tried = {cause.step: max(c.attempt or 0 for c in known if c.step == cause.step) for cause in known}
    failed = {step.name: step for step in record.steps if step.status is Status.FAILED}
    silent = [step for name, step in failed.items() if tried.get(name, 0) < step.attempts or name not in tried]
    if not silent and (failed or record.status is not Status.FAILED):
        return known
    answer = ask(evidence) if is_served(evidence) else None
    causes = answer.causes if answer else {}
    if not failed:
        reported = _reported(evidence, causes)
    else:
        by = evidence.request.orchestrator if causes else "store"
        reported = [told(evidence, s.name, causes.get(s.name) or s.error or UNSAID, by, s.attempts) for s in silent]
    names = {step.name for step in silent}
    reported += [cause for cause in known if cause.step not in names]
    if not reported:
        raise _unanswered(evidence)
    return reported


def _of_a_command(evidence: Evidence, causes: list[Cause]) -> tuple[list[Cause], str]:
    """The causes and the status of a run without a record in a command's process, which is active or gone."""
    owner = evidence.kept.get("owner")
    if owner is None or Owner(**owner).lives:
        return causes, "running"
    words = f"the command that ran it (process {owner['pid']} on {owner['host']}) is gone: it was killed or interrupted"
    error = ErrorInfo("Interrupted", words, None, retryable=True, failure="killed")
    working = runnable(evidence.pipeline, evidence.request, evidence.states)
    evidence = replace(evidence, silent=frozenset(working))
    return [told(evidence, name, error, "store") for name in working], "interrupted"


def is_served(evidence: Evidence) -> bool:
    """Whether the run belongs to an orchestrator's services, which can be asked about it."""
    if evidence.target or evidence.kept.get(DEPLOYED):
        return evidence.target is not None
    if "owner" in evidence.kept:
        return bool(evidence.kept["service"])
    return evidence.request.orchestrator != "local"


def _unanswered(evidence: Evidence) -> ServiceError:
    request = evidence.request
    if name := evidence.kept.get(TARGET):
        ask_there = command("why", request.run_id, "--env", request.env or "NAME", root=None)
        return ServiceError(
            f"run {request.run_id} recorded no failure, and the target {name!r} made it, which knows more: ask with the"
            f" environment that names the target: '{ask_there}'"
        )
    start = command("up", request.orchestrator, "--pipeline", request.pipeline, root=request.root)
    return ServiceError(
        f"run {request.run_id} recorded no failure, and {request.orchestrator}, which knows more, does not run on"
        f" {request.root}: start it with '{start}' and ask again"
    )


def redo(evidence: Evidence) -> str:
    """The command that reruns only the failed part."""
    request = evidence.request
    which = ("--backfill", request.version) if evidence.is_backfill else ("--run", request.run_id)
    return command("retry", request.pipeline, *which, root=request.root)


def page(evidence: Evidence) -> str | None:
    """The run's page, or the page of all runs if it is not known; None if the orchestrator's services do not run."""
    request = evidence.request
    target: Target | None = evidence.target
    if target is None and request.orchestrator != "local":
        target = running_target(request.root, request.orchestrator)
    if target is None:
        return None
    paths = [path for path in evidence.kept.get("native", {}).values() if path]
    path = paths[-1] if paths else ""
    # the page of a team's server may lie elsewhere than its API
    return path if "://" in path else f"{target.url()}{path}"


def approvals(objects: Objects, evidence: Evidence) -> dict[str, list[dict[str, Any]]]:
    """What people decided on the steps of a run or of the run that it retries, oldest first."""
    origin = evidence.request.origin or evidence.request.run_id
    steps = [step.name for step in evidence.pipeline.steps if approval_wait(step)]
    decided = {name: decisions_of(objects, evidence.pipeline.name, origin, name) for name in steps}
    return {name: [decision.to_dict() for decision in told] for name, told in decided.items() if told}


def held(root: str, evidence: Evidence) -> list[dict[str, Any]]:
    """The models that the gate of a successful run held back, and the reasons."""
    models = []
    store = Store(root, evidence.pipeline, evidence.request.version)
    for step in evidence.pipeline.steps:
        output = (evidence.steps.get(step.name) or {}).get("output")
        if step.output.kind is OutputKind.REGISTRATION and output:
            decisions = store.read(ArtifactRef.from_dict(output))
            models += [{"model": d["model"], "reason": d["reason"]} for d in decisions if d["stage"] == "hold"]
    return models
