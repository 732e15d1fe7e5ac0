"""The findings of a sweep: a run compared with its deadline, an output compared with its limit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from counterpoint.monitoring.eta import expected_end
from counterpoint.monitoring.states import OPEN, Standing, newest, partitions_of, span_of, states_of, usual_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta

    from counterpoint.model import RunRequest
    from counterpoint.monitoring.schedule import Due
    from counterpoint.monitoring.states import StepState
    from counterpoint.storage import Store


class Punctuality(StrEnum):
    """A run compared with its deadline: in time so far, expected to miss it, or past it and not ended."""

    IN_TIME = "in_time"
    WILL_BE_LATE = "will_be_late"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Run:
    """The state of a scheduled run; `expected` is its earliest end, `chain` the steps until then."""

    due: Due
    steps: Mapping[str, StepState]
    seconds: Mapping[str, float]
    expected: datetime | None
    chain: tuple[str, ...]
    punctuality: Punctuality

    @property
    def state(self) -> str:
        """`ended`, `failed`, `running`, `waiting` (begun, but no step runs now) or `not_begun`."""
        standings = {state.standing for state in self.steps.values()}
        if not standings & OPEN:
            return "failed" if Standing.FAILED in standings else "ended"
        if Standing.RUNNING in standings:
            return "running"
        return "not_begun" if standings == {Standing.WAITING} else "waiting"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "partition": self.due.partition,
            "scheduled": self.due.at.isoformat(),
            "deadline": _iso(self.due.deadline),
            "state": self.state,
            "punctuality": self.punctuality.value,
            "expected": _iso(self.expected),
            "waits_for": list(self.chain),
            "steps": {name: state.standing.value for name, state in self.steps.items()},
        }


@dataclass(frozen=True, slots=True)
class Output:
    """The newest output of a step that has a limit on its age."""

    step: str
    partition: str
    published: datetime
    age: timedelta
    limit: timedelta

    @property
    def is_too_old(self) -> bool:
        """Whether the output is older than its limit."""
        return self.age > self.limit

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "step": self.step,
            "partition": self.partition,
            "published": self.published.isoformat(),
            "age_seconds": self.age.total_seconds(),
            "limit_seconds": self.limit.total_seconds(),
            "too_old": self.is_too_old,
        }


def look_at_run(store: Store, request: RunRequest, due: Due, now: datetime) -> Run:
    """The state of a scheduled run, and its expected end."""
    steps = states_of(store, request)
    is_open = [name for name, state in steps.items() if state.standing in OPEN]
    failed = any(state.standing is Standing.FAILED for state in steps.values())
    if not is_open or failed:
        is_late = failed and due.deadline is not None and due.deadline <= now
        return Run(due, steps, {}, None, (), Punctuality.LATE if is_late else Punctuality.IN_TIME)
    seconds = usual_seconds(store, is_open, due.partition)
    expected = expected_end(store.pipeline, steps, seconds, now)
    return Run(due, steps, seconds, *expected, _punctuality(due.deadline, expected.end, now))


def _punctuality(deadline: datetime | None, expected: datetime, now: datetime) -> Punctuality:
    if deadline is None or expected <= deadline > now:
        return Punctuality.IN_TIME
    return Punctuality.LATE if deadline <= now else Punctuality.WILL_BE_LATE


def look_at_outputs(store: Store, now: datetime) -> Iterator[Output]:
    """The age of the newest output of each step with a limit; steps without an output are left out."""
    for step in store.pipeline.steps:
        keys = partitions_of(store, step.name) if step.freshness else []
        entry = newest(store, step.name, keys[-1]) if keys else None
        span = span_of(store, step.name, entry) if entry else None
        if step.freshness and span:
            yield Output(step.name, keys[-1], span[1], now - span[1], step.freshness)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
