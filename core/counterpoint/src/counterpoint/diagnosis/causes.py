"""One cause: the innermost error of a step, with all that a person needs to act on it."""

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
    """Why a step failed; what several elements or partitions have in common is one cause.

    `step` is None when the run failed by itself. `error` is the innermost one, `raised_as` what it was raised as if
    that is another; `attempt` of `attempts` is the one it was of, and `again` whether another follows. `told_by` is
    who says so: the worker itself, the orchestrator's API, or what was left in the store.
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
        about = {
            "meaning": handling.meaning,
            "severity": handling.severity.value if handling.severity else None,
            "told": handling.told,
            "runbook": f"{RUNBOOK}#{self.failure}",
        }
        found: dict[str, Any] = redacted_values({**asdict(self), **about})
        return found


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
            {"attempt": one["attempt"], "at": one["at"], **_innermost(one["error"])} for one in tries.attempts[:-1]
        ],
        inputs=last["inputs"],
        log=last["log"],
        elements=[] if tries.index is None else [tries.index],
    )
    return _placed(cause, evidence)


def told(evidence: Evidence, step: str | None, error: ErrorInfo, told_by: str, attempt: int | None = None) -> Cause:
    """The cause that somebody else tells of; what the worker recorded of earlier attempts stands beside it."""
    before = [one for tries in evidence.tries if tries.step == step for one in tries.attempts]
    known = error.to_dict()
    cause = Cause(
        step=step,
        failure=error.failure,
        error=known["cause"] or _brief(known),
        raised_as=_brief(known) if known["cause"] else None,
        attempt=attempt,
        attempts=evidence.pipeline.step(step).retry.retries + 1 if step else None,
        told_by=told_by,
        earlier=[{"attempt": one["attempt"], "at": one["at"], **_innermost(one["error"])} for one in before],
    )
    return _placed(cause, evidence)


def _placed(cause: Cause, evidence: Evidence) -> Cause:
    """Where it happened, and what was not run because of it."""
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
    """The causes, the first to happen first; those of the same kind and place are one."""
    found: dict[tuple[Any, ...], list[Cause]] = {}
    for cause in sorted(causes, key=lambda one: one.at or "~"):
        found.setdefault((cause.step, cause.failure, cause.error["type"], cause.error["where"]), []).append(cause)
    return [_together(alike) for alike in found.values()]


def _together(causes: list[Cause]) -> Cause:
    """The first of several, with what the others are about."""
    return replace(
        causes[0],
        elements=sorted({one for cause in causes for one in cause.elements}),
        partitions=sorted({one for cause in causes for one in cause.partitions}),
        blocked=sorted({one for cause in causes for one in cause.blocked}),
        runs=_each_once(cause.runs for cause in causes),
        not_run=_each_once(cause.not_run for cause in causes),
    )


def _each_once(lists: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(one for many in lists for one in many))
