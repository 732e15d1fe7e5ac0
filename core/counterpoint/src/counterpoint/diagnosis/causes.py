"""The cause of a failure: the innermost error of a step, with all facts that a person needs to act on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from counterpoint.model import HANDLING, ErrorInfo, FailureClass, Status, downstream
from counterpoint.redaction import redacted_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.diagnosis.evidence import Evidence, Tries

RUNBOOK = "docs/explanation/failures.md"
_NOT_RUN = {Status.SKIPPED, Status.UPSTREAM_FAILED}


@dataclass(frozen=True)
class Cause:
    """The cause of a step's failure; the same cause in several elements or partitions is one cause.

    `step` is None when the run itself failed. `error` is the innermost error, `raised_as` the outer error if there is
    another; `attempt` of `attempts` is the failed attempt, and `again` tells whether another follows. `told_by` is the
    source: the worker itself, the orchestrator's API, or the store.
    """

    step: str | None
    failure: str
    error: Mapping[str, Any]
    raised_as: Mapping[str, Any] | None = None
    attempt: int | None = None
    attempts: int | None = None
    again: bool = False
    at: str | None = None
    host: str | None = None
    pid: int | None = None
    told_by: str = "worker"
    earlier: list[Mapping[str, Any]] = field(default_factory=list)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    elements: list[int] = field(default_factory=list)
    partitions: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, without secrets."""
        handling = HANDLING[FailureClass(self.failure)]
        handling_values = {
            "meaning": handling.meaning,
            "severity": handling.severity.value if handling.severity else None,
            "told": handling.responder,
            "runbook": f"{RUNBOOK}#{self.failure}",
        }
        values: dict[str, Any] = redacted_values({**asdict(self), **handling_values})
        return values


def recorded(evidence: Evidence, tries: Tries) -> Cause:
    """The cause that a worker recorded."""
    last = tries.last
    outer = _brief(last["error"])
    inner = last["error"].get("cause")
    step = evidence.pipeline.step(tries.step)
    cause = Cause(
        step=tries.step,
        failure=last["error"]["failure"],
        error=inner or outer,
        raised_as=outer if inner else None,
        attempt=last["attempt"],
        attempts=max(step.retry.retries + 1, last["attempt"]),
        again=not last["last"] and evidence.record is None,
        at=last["at"],
        host=last["host"],
        pid=last["pid"],
        earlier=[
            {"attempt": attempt["attempt"], "at": attempt["at"], **_innermost(attempt["error"])}
            for attempt in tries.attempts[:-1]
        ],
        inputs=last["inputs"],
        log=last["log"],
        elements=[] if tries.index is None else [tries.index],
    )
    return _placed(cause, evidence)


def told(evidence: Evidence, step: str | None, error: ErrorInfo, told_by: str, attempt: int | None = None) -> Cause:
    """The cause that another source reports, with the earlier attempts that the worker recorded."""
    before = [recorded_attempt for tries in evidence.tries if tries.step == step for recorded_attempt in tries.attempts]
    known = error.to_dict()
    cause = Cause(
        step=step,
        failure=error.failure,
        error=known["cause"] or _brief(known),
        raised_as=_brief(known) if known["cause"] else None,
        attempt=attempt,
        attempts=evidence.pipeline.step(step).retry.retries + 1 if step else None,
        told_by=told_by,
        earlier=[{"attempt": other["attempt"], "at": other["at"], **_innermost(other["error"])} for other in before],
    )
    return _placed(cause, evidence)


def _placed(cause: Cause, evidence: Evidence) -> Cause:
    """The cause with its partition and run, and the steps that were not run because of it."""
    states, request = evidence.states, evidence.request
    after = downstream(evidence.pipeline, cause.step) if cause.step else evidence.pipeline.step_names
    not_run = [name for name in after if states.get(name) in _NOT_RUN]
    partitions = [request.partition] if request.partition else []
    return replace(cause, partitions=partitions, runs=[request.run_id], not_run=not_run)


def _brief(error: Mapping[str, Any]) -> dict[str, Any]:
    return {name: error.get(name) for name in ("type", "message", "where")}


def _innermost(error: Mapping[str, Any]) -> dict[str, Any]:
    return _brief(error.get("cause") or error)


def grouped(causes: Iterable[Cause]) -> list[Cause]:
    """The causes in the order of their time; causes with the same step, class, error type and place are merged."""
    alike: dict[tuple[Any, ...], list[Cause]] = {}
    for cause in sorted(causes, key=lambda cause: cause.at or "~"):
        alike.setdefault((cause.step, cause.failure, cause.error["type"], cause.error["where"]), []).append(cause)
    return [_merged(group) for group in alike.values()]


def _merged(causes: list[Cause]) -> Cause:
    """The first of several causes, with the elements, partitions and runs of all."""
    return replace(
        causes[0],
        elements=sorted({element for cause in causes for element in cause.elements}),
        partitions=sorted({key for cause in causes for key in cause.partitions}),
        blocked=sorted({key for cause in causes for key in cause.blocked}),
        runs=_each_once(cause.runs for cause in causes),
        not_run=_each_once(cause.not_run for cause in causes),
    )


def _each_once(lists: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(item for items in lists for item in items))
