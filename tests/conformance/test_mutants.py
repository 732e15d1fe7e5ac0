"""Adapters that are good but for one thing that a run does: the kit finds each, and lets the good one pass."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate
from threading import Thread
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from counterpoint.errors import MissingInputError, StepKilledError, StepTimeoutError
from counterpoint.model import RetryPolicy, Status, is_retryable
from counterpoint.runtime import LocalRun, find_pipeline, local, subprocess_executor
from counterpoint.runtime.execute import record_failure
from counterpoint.services import LocalEngine
from counterpoint.testing import SCENARIOS, ConformanceError, LocalAdapter, check_behaviour, check_round_trip
from counterpoint.testing.conformance import ADDED_BY_ENGINE, judge_run, run_scenario

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from counterpoint.model import ArtifactRef, NativeRun, Pipeline, RunRequest, Step

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


class Mutant(LocalAdapter):
    """Runs another request or pipeline than it was given, with parts of the runner replaced, or tells another end."""

    def __init__(self, **changed: Any) -> None:
        super().__init__()
        self.asks: Callable[[RunRequest], RunRequest] = changed.get("asks", lambda request: request)
        self.steps: Callable[[Step], Step] = changed.get("steps", lambda step: step)
        self.tells: Callable[[NativeRun], NativeRun] = changed.get("tells", lambda run: run)
        self.patches: dict[str, Any] = changed.get("patches", {})

    def run(self, request: RunRequest, home: Path) -> NativeRun:  # noqa: ARG002
        described = self.read_back(self.translate(find_pipeline(request.pipeline)))
        pipeline = replace(described, steps=tuple(map(self.steps, described.steps)))
        with ExitStack() as stack:
            for name, value in self.patches.items():
                stack.enter_context(patch.object(local, name, value))
            return self.tells(LocalRun(self.asks(request), self.parallel, pipeline=pipeline).run())


def attempt_of(task: local.Task, number: int, index: int | None, *, force: bool = False) -> subprocess_executor.Attempt:
    return subprocess_executor.Attempt(replace(task.request, force=force), task.step.name, task.passed, number, index)


def twice(task: local.Task, number: int, index: int | None) -> ArtifactRef:
    subprocess_executor.execute_in_child(attempt_of(task, number, index))
    return subprocess_executor.execute_in_child(attempt_of(task, number, index, force=True))


def abandoned(task: local.Task, number: int, index: int | None) -> ArtifactRef:
    """Tells a time-out, and lets the step work on."""
    made: list[ArtifactRef] = []
    attempt = attempt_of(task, number, index)

    def work() -> None:
        with suppress(Exception):
            made.append(subprocess_executor.execute_in_child(attempt))

    worker = Thread(target=work, daemon=True)
    worker.start()
    worker.join(task.step.timeout.total_seconds() if task.step.timeout else None)
    if made:
        return made[0]
    error = StepTimeoutError(f"step {task.step.name} exceeded its time-out", ())
    record_failure(task.request, task.step.name, error, attempt=number)
    raise error


def looks_once(request: RunRequest, step: str) -> None:
    if find_pipeline(request.pipeline).step(step).waits:
        error = MissingInputError("it is not there")
        record_failure(request, step, error)
        raise error


def all_but_failed(parts: list[local.Ended]) -> local.Ended:
    return mapped([part for part in parts if part.status is not Status.FAILED])


def never_after_a_kill(error: BaseException) -> bool:
    return not isinstance(error, StepTimeoutError | StepKilledError) and is_retryable(error)


def later(step: Step) -> Step:
    return replace(step, timeout=step.timeout + timedelta(seconds=5)) if step.timeout else step


def elsewhere(run: NativeRun) -> NativeRun:
    """The moments of a run as the clock of a zone five hours behind shows them, called UTC."""

    def moved(moment: str | None) -> str | None:
        return (datetime.fromisoformat(moment) - timedelta(hours=5)).isoformat() if moment else None

    told = {
        name: replace(step, started=moved(step.started), ended=moved(step.ended)) for name, step in run.steps.items()
    }
    return replace(run, steps=told)


mapped = local._mapped
first_five = {"elements": lambda *asked: min(5, elements(*asked))}
elements = local.elements
never_holds = {
    "wait_until_admitted": looks_once,
    "Holding": type("Never", (local.Holding,), {"holds": lambda *_: False}),
}

# what is wrong with the adapter, the scenario that finds it, the words of the failure
MUTANTS: list[tuple[str, Mutant, str, str]] = [
    (
        "runs every step twice",
        Mutant(patches={"_attempt": twice}),
        "repeated",
        "step repeated_first: attempts as the step counted them: expected 2, got 1 told",
    ),
    (
        "drops force",
        Mutant(asks=lambda request: replace(request, force=False)),
        "repeated",
        "run again by force, where another side owns it: expected 2, got 1",
    ),
    (
        "forces every run",
        Mutant(asks=lambda request: replace(request, force=True)),
        "repeated",
        "times computed, run again: expected 1, got 2",
    ),
    (
        "takes every run for a scheduled one",
        Mutant(asks=lambda request: replace(request, scheduled=True)),
        "repeated",
        "run again by force, where another side owns it: expected 2, got 1",
    ),
    (
        "takes no run for a scheduled one",
        Mutant(asks=lambda request: replace(request, scheduled=False)),
        "repeated",
        "run again by force and by schedule, where another side owns it: expected 2, got 3",
    ),
    (
        "takes a failed element for done",
        Mutant(patches={"_mapped": all_but_failed}),
        "mapped_partly",
        "step partly_each: status: expected failed, got success",
    ),
    (
        "maps the first five elements",
        Mutant(patches=first_five),
        "mapped_partly",
        "step partly_each: attempts of element 5 as it counted them: expected 2, got 0",
    ),
    (
        "retries no time-out and no kill",
        Mutant(patches={"is_retryable": never_after_a_kill}),
        "timeout",
        "step killed_once: status: expected success, got failed",
    ),
    ("is five seconds late with time-outs", Mutant(steps=later), "timeout", "step endless: time-out: expected killed"),
    (
        "lets a step work on after its time-out",
        Mutant(patches={"_attempt": abandoned}),
        "timeout",
        "step endless: time-out: expected",
    ),
    (
        "looks once for what is waited for",
        Mutant(patches=never_holds),
        "late_marker",
        "step marker_waits: status: expected success, got failed",
    ),
    ("tells the time of another zone", Mutant(tells=elsewhere), "repeated", "time stamps: expected between"),
]


@pytest.mark.parametrize(
    ("mutant", "scenario", "said"), [mutant[1:] for mutant in MUTANTS], ids=[mutant[0] for mutant in MUTANTS]
)
def test_what_an_adapter_does_wrongly_is_found(mutant: Mutant, scenario: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConformanceError) as failure:
        check_behaviour(mutant, BY_NAME[scenario], tmp_path)
    assert said in str(failure.value)


@pytest.mark.parametrize("scenario", sorted({mutant[2] for mutant in MUTANTS}))
def test_an_adapter_that_changes_nothing_passes(scenario: str, tmp_path: Path) -> None:
    check_behaviour(Mutant(), BY_NAME[scenario], tmp_path)


def test_waits_that_grow_beyond_their_limit_are_found(tmp_path: Path) -> None:
    scenario = BY_NAME["retry_then_success"]
    performed = run_scenario(scenario, tmp_path, "local", LocalEngine())
    assert list(judge_run(scenario, performed)) == []
    policy = scenario.pipeline.step("patient").retry
    unlimited = RetryPolicy(policy.retries, policy.delay, timedelta(hours=1)).delays()
    assert unlimited[-1] > policy.delays()[-1] + ADDED_BY_ENGINE
    marks = [performed.evidence / f"fails_six_times.{number}" for number in range(1, 8)]
    began = marks[0].stat().st_mtime
    for mark, passed in zip(marks, accumulate(unlimited, initial=0.0), strict=True):
        os.utime(mark, (began + passed,) * 2)
    assert any("step patient: wait before a retry" in str(difference) for difference in judge_run(scenario, performed))


def test_a_pipeline_that_was_kept_is_not_taken_for_one_that_was_read_back() -> None:
    class Keeping(LocalAdapter):
        def translate(self, pipeline: Pipeline) -> Any:
            return {"kept": pipeline}

        def read_back(self, native: Any) -> Pipeline:
            return native["kept"]

    with pytest.raises(ConformanceError) as failure:
        check_round_trip(Keeping(), BY_NAME["linear"])
    assert "expected one made from the native object" in str(failure.value)
