"""A person's approval of a step: what is approved, what was decided, and that no step runs without it.

An approval is for the inputs that a step has in its run. Decisions are kept with the first run of a chain of retries:
an approval holds in a retry that has the same inputs, a rejection in its own run alone.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.commands import command
from counterpoint.errors import MissingInputError, RejectedError, UsageError
from counterpoint.model import ArtifactRef, Status, WaitKind
from counterpoint.runtime.context import context_of, digest_of
from counterpoint.runtime.hooks import StepHook
from counterpoint.runtime.inputs import digests, references_of
from counterpoint.runtime.records import element_records
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Materialization, RunRequest, Step, Wait
    from counterpoint.runtime.context import StepContext
    from counterpoint.storage.objects import Objects

log = logging.getLogger(__name__)
_SHOWN = 19  # of a digest, with its prefix


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What a person is asked for a step, with the digests of its inputs; `origin` is the run that is retried."""

    wait: Wait
    origin: str
    inputs: Mapping[str, str]
    digest: str
    command: str

    @property
    def words(self) -> str:
        """What is waited for, with the command that approves."""
        return f"{self.wait.of('')} of inputs {self.digest[:_SHOWN]}: '{self.command}'"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, as the note of a waiting step holds them."""
        told = {"by": list(self.wait.by), "note": self.wait.target, "origin": self.origin}
        return {**told, "digest": self.digest, "inputs": dict(self.inputs)}


@dataclass(frozen=True, slots=True)
class ApprovalDecision:
    """What a person decided, and how it was given.

    `by` is the name that was given, `via` the command or the orchestrator; `login` is the user of the machine `host`,
    or of the orchestrator (`host` is None then).
    """

    step: str
    run_id: str
    partition: str
    version: str
    approved: bool
    by: str
    reason: str
    via: str
    login: str
    host: str | None
    at: str
    digest: str
    inputs: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        verb = "approved" if self.approved else "rejected"
        return f"{verb} by {self.by} at {self.at[:19]}Z" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Responder:
    """Who answers, and how: see `ApprovalDecision`."""

    by: str
    via: str
    login: str
    host: str | None = None


def approval_wait(step: Step) -> Wait | None:
    """The approval that a step waits for, or None."""
    return next((wait for wait in step.waits if wait.kind is WaitKind.APPROVAL), None)


def requested(context: StepContext) -> ApprovalRequest | None:
    """What a person has still to answer before a step begins; None when it needs no approval, or has it.

    Raises:
        RejectedError: the step was rejected.
        MissingInputError: an input of the step does not stand.
    """
    wait = approval_wait(context.step)
    if wait is None or context.request.sample is not None:
        return None
    request, inputs = context.request, inputs_of(context)
    digest = digest_of(inputs)
    decision = _standing(context, digest)
    if decision is None:
        words = _command(request.run_id, context.step.name, wait.by, request.root)
        return ApprovalRequest(wait, request.origin or request.run_id, inputs, digest, words)
    if not decision.approved:
        raise RejectedError(f"step {context.step.name} of {request.partition} was {decision}")
    return None


def _command(run_id: str, step: str, by: Sequence[str], root: str) -> str:
    """The command that approves a step, by the first of those who may."""
    return command("approve", run_id, step, *(("--by", by[0]) if by else ()), root=root)


def inputs_of(context: StepContext) -> dict[str, str]:
    """The digests of what a step reads or comes after in its run, by parameter or step."""
    passed = {name: reference for name in context.step.upstream if (reference := _passed(context, name)) is not None}
    inputs = digests(references_of(replace(context, index=None), passed))
    read = {step_input.step for step_input in context.step.inputs}
    return inputs | digests({name: passed.get(name) for name in context.step.upstream if name not in read})


def _passed(context: StepContext, name: str) -> Any:
    """The reference that a step directly before made in this run, or what stands of one that is not part of it."""
    store, run_id, step = context.store, context.request.run_id, context.pipeline.step(name)
    if not context.request.selects(name):
        entry = store.entry(name, context.request.partition)
        return entry.reference if entry else None
    if step.map_over is None:
        record = store.get_json(layout.step_record(context.pipeline.name, run_id, name))
        return _reference(record) if record else None
    references = [_reference(record) for record in element_records(store, run_id, name)]
    return None if None in references else tuple(references)


def _reference(record: Mapping[str, Any]) -> ArtifactRef | None:
    well = record["status"] == Status.SUCCESS and record["output"]
    return ArtifactRef.from_dict(record["output"]) if well else None


def _standing(context: StepContext, digest: str) -> ApprovalDecision | None:
    request = context.request
    decisions = decisions_of(context.store, context.pipeline.name, request.origin or request.run_id, context.step.name)
    fitting = [d for d in decisions if d.digest == digest and (d.approved or d.run_id == request.run_id)]
    return fitting[-1] if fitting else None


def decisions_of(objects: Objects, pipeline: str, origin: str, step: str) -> list[ApprovalDecision]:
    """All decisions on a step in a run and its retries, oldest first."""
    kept = objects.get_json(layout.step_approval(pipeline, origin, step)) or {"decisions": []}
    return [ApprovalDecision(**told) for told in kept["decisions"]]


def decide(
    objects: Objects, place: tuple[str, str], step: str, responder: Responder, *, approved: bool, reason: str = ""
) -> ApprovalDecision:
    """Keeps what a person decided on a step that waits; two decisions at once are one, and the other is refused.

    Args:
        objects: The root.
        place: The pipeline's name and the run id.
        step: The step.
        responder: Who decides, and how.
        approved: Whether the step may begin.
        reason: Why; a rejection needs one.

    Raises:
        UsageError: the step does not wait for an approval, was decided already, or waits for somebody else's.
    """
    pipeline, run_id = place
    note = objects.get_json(layout.step_waiting(pipeline, run_id, step)) or {}
    approval = note.get("approval")
    if not approval or note["ended"]:
        raise UsageError(_unasked(objects, place, step, note))
    if responder.via == "command" and approval["by"] and responder.by not in approval["by"]:
        raise UsageError(
            f"step {step} of run {run_id} needs the approval of {' or '.join(approval['by'])}, not of {responder.by}:"
            f" give it as one of them by --by"
        )
    decision = ApprovalDecision(
        step=step,
        run_id=run_id,
        partition=note["partition"],
        version=note["version"],
        approved=approved,
        reason=reason,
        at=datetime.now(UTC).isoformat(),
        digest=approval["digest"],
        inputs=approval["inputs"],
        **asdict(responder),
    )
    _append(objects, layout.step_approval(pipeline, approval["origin"], step), decision)
    return decision


def answered(request: RunRequest, step: str, responder: Responder, *, approved: bool, reason: str = "") -> None:
    """Keeps what a person answered on an orchestrator's own page; what was decided before stands."""
    context = context_of(request, step)
    try:
        decide(
            context.store, (context.pipeline.name, request.run_id), step, responder, approved=approved, reason=reason
        )
    except UsageError as error:
        log.warning("the answer of %s (%s) does not count: %s", responder.by, responder.via, error)


def decision_in(request: RunRequest, step: str) -> ApprovalDecision | None:
    """The last decision on a step that was given in a run, or None."""
    context = context_of(request, step)
    decisions = decisions_of(context.store, context.pipeline.name, request.origin or request.run_id, step)
    return next((decision for decision in reversed(decisions) if decision.run_id == request.run_id), None)


def _append(objects: Objects, path: str, decision: ApprovalDecision) -> None:
    while True:
        standing = objects.find(path)
        kept = objects.parsed(path, standing.data)["decisions"] if standing else []
        for told in map(_decision, kept):
            if (told.run_id, told.digest) == (decision.run_id, decision.digest):
                raise UsageError(f"step {decision.step} of run {decision.run_id} was {told} already")
        if objects.compare_and_swap(path, objects.encoded({"decisions": [*kept, decision.to_dict()]}), standing):
            return


def _decision(told: Mapping[str, Any]) -> ApprovalDecision:
    return ApprovalDecision(**told)


def _unasked(objects: Objects, place: tuple[str, str], step: str, note: Mapping[str, Any]) -> str:
    origin = note.get("approval", {}).get("origin", place[1])
    decided = [d for d in decisions_of(objects, place[0], origin, step) if d.run_id == place[1]]
    if decided:
        return f"step {step} of run {place[1]} was {decided[-1]} already"
    waiting = ", ".join(sorted(p["step"] for p in pending(objects) if p["run_id"] == place[1])) or "none"
    return f"step {step} of run {place[1]} does not wait for an approval; of this run these steps do: {waiting}"


def pending(objects: Objects) -> list[dict[str, Any]]:
    """The steps below a root that wait for an approval now, the longest waiting first.

    A run that was killed while it waited is listed until its step would have had to give up.
    """
    waiting = []
    for path in objects.list(layout.RUNS):
        note = objects.get_json(path) if path.endswith(layout.WAITING) else None
        if note and note.get("approval") and not note["ended"] and not _is_over(objects, path, note):
            pipeline = path.split("/")[1]
            words = _command(note["run_id"], note["step"], note["approval"]["by"], objects.root)
            names = ("step", "run_id", "version", "since", "until")
            told = {"pipeline": pipeline, "date": note["partition"], **{name: note[name] for name in names}}
            waiting.append({**told, **note["approval"], "command": words})
    return sorted(waiting, key=lambda step: (step["since"], step["run_id"], step["step"]))


def _is_over(objects: Objects, path: str, note: Mapping[str, Any]) -> bool:
    """Whether a step that was noted as waiting was answered, or would have had to give up."""
    approval, pipeline = note["approval"], path.split("/")[1]
    decisions = decisions_of(objects, pipeline, approval["origin"], note["step"])
    is_decided = any((d.run_id, d.digest) == (note["run_id"], approval["digest"]) for d in decisions)
    return is_decided or datetime.fromisoformat(note["until"]) <= datetime.now(UTC)


class Approvals(StepHook):
    """No attempt begins whose inputs nobody has approved, whatever its adapter let begin; tells who approved."""

    order = 150

    def before(self, context: StepContext) -> Materialization | None:
        """Refuses an attempt without an approval."""
        if request := requested(context):
            raise MissingInputError(
                f"step {context.step.name} of {context.key} is not approved for the inputs that it has now"
                f" ({request.digest[:_SHOWN]}), which came after it was let begin: run the step again"
            )
        return None

    def called(self, context: StepContext, values: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - of the hook
        """Tells who approved."""
        if approval_wait(context.step) is None:
            return {}
        decision = _standing(context, digest_of(inputs_of(context)))
        return {"approval": decision.to_dict()} if decision else {}
