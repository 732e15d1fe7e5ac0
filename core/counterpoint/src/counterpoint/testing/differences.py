"""Differences between two descriptions of a pipeline, or between two records of a run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DifferenceError
from counterpoint.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from counterpoint.model import Pipeline, RunRecord, StepRecord

# the clocks of a database and of a worker may differ slightly
CLOCKS = 0.1
# seconds that the clock of a service may differ from the kit's
_SERVICE_CLOCK = 60.0
# seconds that killing a process may take beyond the time-out, and that services may take to record the end
KILLED_WITHIN, NOTED_WITHIN = 6.0, 9.0
RAN = frozenset({Status.SUCCESS, Status.FAILED})


class ConformanceError(DifferenceError, AssertionError):
    """An adapter behaves differently from the local runner; the message names each property, expected and got."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that differs, and its step (None: the pipeline or run)."""

    what: str
    step: str | None
    expected: Any
    got: Any

    def __str__(self) -> str:
        place = f"step {self.step}: " if self.step else ""
        return f"{place}{self.what}: expected {self.expected}, got {self.got}"


def refuse(adapter: str, scenario: str, differences: Iterable[Difference]) -> None:
    """Raises an error if there are differences.

    Raises:
        ConformanceError: there are; the message names adapter, scenario and every difference.
    """
    lines = [f"  {difference}" for difference in differences]
    if lines:
        raise ConformanceError("\n".join([f"adapter {adapter}, scenario {scenario}:", *lines]))


def between_pipelines(expected: Pipeline, actual: Pipeline) -> Iterator[Difference]:
    """The properties in which two pipelines differ, step by step."""
    for name in (field.name for field in fields(expected) if field.name != "steps"):
        yield from _unequal(name, None, getattr(expected, name), getattr(actual, name))
    yield from _unequal("steps", None, expected.step_names, actual.step_names)
    for step in expected.steps:
        actual_step = next((candidate for candidate in actual.steps if candidate.name == step.name), None)
        if actual_step is not None:
            for name in (field.name for field in fields(step) if field.compare):
                yield from _unequal(name, step.name, getattr(step, name), getattr(actual_step, name))


def _unequal(what: str, step: str | None, expected: Any, actual: Any) -> Iterator[Difference]:
    if expected != actual:
        yield Difference(what, step, expected, actual)


def between_records(expected: RunRecord, actual: RunRecord) -> Iterator[Difference]:
    """The differences between the records of two runs of one request, on any engine."""
    for name in ("pipeline", "date", "version", "status"):
        yield from _unequal(name, None, getattr(expected, name), getattr(actual, name))
    names = [step.name for step in actual.steps]
    yield from _unequal("steps", None, [step.name for step in expected.steps], names)
    for step in expected.steps:
        if step.name in names:
            yield from _between_steps(step, actual.step(step.name))


def _between_steps(expected: StepRecord, actual: StepRecord) -> Iterator[Difference]:
    for attribute in ("status", "attempts"):
        yield from _unequal(attribute, expected.name, getattr(expected, attribute), getattr(actual, attribute))
    error_types = (expected.error and expected.error.type, actual.error and actual.error.type)
    yield from _unequal("type of error", expected.name, *error_types)
    for attribute in ("partition", "kind", "rows", "digest"):
        expected_value, actual_value = (getattr(step.output, attribute, None) for step in (expected, actual))
        yield from _unequal(f"output {attribute}", expected.name, expected_value, actual_value)


def against_expected(expected: Mapping[str, Any], errors: Mapping[str, str], record: RunRecord) -> Iterator[Difference]:
    """The differences between a record and the expected endings of a scenario's steps."""
    endings = {step.name: (step.status, step.attempts) for step in record.steps}
    for name, ending in expected.items():
        yield from _unequal("status and attempts", name, ending, endings.get(name))
    failed = {step.name: step.error.type for step in record.steps if step.error}
    yield from _unequal("errors", None, dict(errors), failed)


def in_time(pipeline: Pipeline, record: RunRecord, *, on_services: bool) -> Iterator[Difference]:
    """The time stamps of a run that violate the order of its steps, and time-outs that were not enforced."""
    ran = {step.name: step for step in record.steps if step.status in RAN}
    for name, step in ran.items():
        if step.started is None or step.ended is None:
            yield Difference("time stamps", name, "both", (step.started, step.ended))
            continue
        yield from _too_long(pipeline, step, KILLED_WITHIN + (NOTED_WITHIN if on_services else 0))
        for upstream in (
            ran[name_above]
            for name_above in pipeline.step(name).upstream
            if name_above in ran and ran[name_above].ended
        ):
            early = _seconds(step.started, str(upstream.ended))
            if early > CLOCKS:
                yield Difference("order", name, f"to start after {upstream.name} has ended", f"{early:.2f} s before")


def by_the_clock(record: RunRecord, started: datetime, ended: datetime) -> Iterator[Difference]:
    """The time stamps outside the time of the run: of another time zone, or of another run."""
    stamps = [("run", record.started, record.ended), *((step.name, step.started, step.ended) for step in record.steps)]
    for name, *moments in stamps:
        for moment in (datetime.fromisoformat(str(moment)) for moment in moments if moment):
            early, late = (started - moment).total_seconds(), (moment - ended).total_seconds()
            if max(early, late) > _SERVICE_CLOCK:
                yield Difference("time stamps", name, f"between {started} and {ended}", moment)


def _too_long(pipeline: Pipeline, record: StepRecord, within: float) -> Iterator[Difference]:
    """A time-out that was not enforced; each attempt has its own, with a wait between two attempts."""
    step, seconds = pipeline.step(record.name), _seconds(str(record.started), str(record.ended))
    if step.timeout is None:
        return
    limit = step.timeout.total_seconds()
    waits = sum(step.retry.delay_before(number, 1.0).total_seconds() for number in range(1, record.attempts))
    if seconds > record.attempts * (limit + within) + waits:
        yield Difference("time-out", step.name, f"killed after {limit:g} s", f"{seconds:.1f} s")


def _seconds(first: str, second: str) -> float:
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()
