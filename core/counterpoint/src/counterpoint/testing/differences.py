"""What differs between two descriptions of a pipeline, or between two records of a run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DifferenceError
from counterpoint.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from counterpoint.model import Pipeline, RunRecord, StepRecord

# clocks of a database and of a worker may tell the same moment a little differently
CLOCKS = 0.1
# what the clock of a service may be ahead of or behind that of the kit
_SERVICE_CLOCK = 60.0
# seconds that a killed process may take beyond the time-out, and that services may take to note what they are told
KILLED_WITHIN, NOTED_WITHIN = 6.0, 9.0
RAN = frozenset({Status.SUCCESS, Status.FAILED})


class ConformanceError(DifferenceError, AssertionError):
    """An adapter does not do as the local runner does; the message names each property, expected and got."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that differs, and the step that it is of (None: the pipeline or run)."""

    what: str
    step: str | None
    expected: Any
    got: Any

    def __str__(self) -> str:
        place = f"step {self.step}: " if self.step else ""
        return f"{place}{self.what}: expected {self.expected}, got {self.got}"


def refuse(adapter: str, scenario: str, found: Iterable[Difference]) -> None:
    """Raises when there are differences.

    Raises:
        ConformanceError: names adapter, scenario and every difference.
    """
    lines = [f"  {difference}" for difference in found]
    if lines:
        raise ConformanceError("\n".join([f"adapter {adapter}, scenario {scenario}:", *lines]))


def between_pipelines(expected: Pipeline, got: Pipeline) -> Iterator[Difference]:
    """The properties by which two pipelines differ, step by step."""
    for name in (f.name for f in fields(expected) if f.name != "steps"):
        yield from _unequal(name, None, getattr(expected, name), getattr(got, name))
    yield from _unequal("steps", None, expected.step_names, got.step_names)
    for step in expected.steps:
        other = next((found for found in got.steps if found.name == step.name), None)
        if other is not None:
            for name in (f.name for f in fields(step) if f.compare):
                yield from _unequal(name, step.name, getattr(step, name), getattr(other, name))


def _unequal(what: str, step: str | None, expected: Any, got: Any) -> Iterator[Difference]:
    if expected != got:
        yield Difference(what, step, expected, got)


def between_records(expected: RunRecord, got: RunRecord) -> Iterator[Difference]:
    """What differs between the records of two runs of one request, whatever ran them."""
    for name in ("pipeline", "date", "version", "status"):
        yield from _unequal(name, None, getattr(expected, name), getattr(got, name))
    names = [step.name for step in got.steps]
    yield from _unequal("steps", None, [step.name for step in expected.steps], names)
    for step in expected.steps:
        if step.name in names:
            yield from _between_steps(step, got.step(step.name))


def _between_steps(expected: StepRecord, got: StepRecord) -> Iterator[Difference]:
    for what in ("status", "attempts"):
        yield from _unequal(what, expected.name, getattr(expected, what), getattr(got, what))
    kinds = (expected.error and expected.error.type, got.error and got.error.type)
    yield from _unequal("type of error", expected.name, *kinds)
    for what in ("partition", "kind", "rows", "digest"):
        ours, theirs = (getattr(step.output, what, None) for step in (expected, got))
        yield from _unequal(f"output {what}", expected.name, ours, theirs)


def against_expected(expected: Mapping[str, Any], errors: Mapping[str, str], got: RunRecord) -> Iterator[Difference]:
    """What differs between a record and how a scenario says that its steps end."""
    ended = {step.name: (step.status, step.attempts) for step in got.steps}
    for name, wanted in expected.items():
        yield from _unequal("status and attempts", name, wanted, ended.get(name))
    failed = {step.name: step.error.type for step in got.steps if step.error}
    yield from _unequal("errors", None, dict(errors), failed)


def in_time(pipeline: Pipeline, record: RunRecord, *, on_services: bool) -> Iterator[Difference]:
    """Where the time stamps of a run break the order of its steps, or a time-out that did not bite."""
    ran = {step.name: step for step in record.steps if step.status in RAN}
    for name, step in ran.items():
        if step.started is None or step.ended is None:
            yield Difference("time stamps", name, "both", (step.started, step.ended))
            continue
        yield from _too_long(pipeline, step, KILLED_WITHIN + (NOTED_WITHIN if on_services else 0))
        for above in (ran[u] for u in pipeline.step(name).upstream if u in ran and ran[u].ended):
            early = _seconds(step.started, str(above.ended))
            if early > CLOCKS:
                yield Difference("order", name, f"to start after {above.name} has ended", f"{early:.2f} s before")


def by_the_clock(record: RunRecord, began: datetime, ended: datetime) -> Iterator[Difference]:
    """The time stamps of a run that lie outside the time in which it ran: another time zone, or another run's."""
    told = [("run", record.started, record.ended), *((step.name, step.started, step.ended) for step in record.steps)]
    for name, *moments in told:
        for moment in (datetime.fromisoformat(str(moment)) for moment in moments if moment):
            early, late = (began - moment).total_seconds(), (moment - ended).total_seconds()
            if max(early, late) > _SERVICE_CLOCK:
                yield Difference("time stamps", name, f"between {began} and {ended}", moment)


def _too_long(pipeline: Pipeline, record: StepRecord, within: float) -> Iterator[Difference]:
    """A time-out that did not bite: each attempt has its own, and between two there is a wait."""
    step, took = pipeline.step(record.name), _seconds(str(record.started), str(record.ended))
    if step.timeout is None:
        return
    limit = step.timeout.total_seconds()
    waits = sum(step.retry.delay_before(number, 1.0).total_seconds() for number in range(1, record.attempts))
    if took > record.attempts * (limit + within) + waits:
        yield Difference("time-out", step.name, f"killed after {limit:g} s", f"{took:.1f} s")


def _seconds(first: str, second: str) -> float:
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()
