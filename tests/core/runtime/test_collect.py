"""A step that failed where no worker could record it: its record says what is known, and somebody is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.alerts.incidents import all_cases
from counterpoint.model import NativeRun, NativeStep, Status
from counterpoint.runtime import LocalRun, collect

if TYPE_CHECKING:
    from conftest import Toys

    from counterpoint.model import StepRecord


def told(toys: Toys, native: NativeStep, *, before: bool = False) -> tuple[StepRecord, list[tuple[str, str]]]:
    request = toys.request("failing", steps=("fine", "fails"))
    store = toys.store(request)
    if before:
        LocalRun(request).run()
    known = [case.alert.id for case in all_cases(store)]
    steps = {"fine": NativeStep(Status.SUCCESS), "fails": native}
    record = collect(
        store.pipeline, store, request, NativeRun("n", failed=True, started=None, ended=None, steps=steps), "0"
    )
    new = [case.alert for case in all_cases(store) if case.alert.id not in known]
    return record.step("fails"), [(alert.failure.value, alert.severity.value) for alert in new]


def test_what_had_begun_was_killed(toys: Toys) -> None:
    step, alerts = told(toys, NativeStep(Status.FAILED, 1, "2026-01-04T00:00:00+00:00"))
    assert step.error
    assert (step.error.type, step.error.failure, alerts) == ("StepKilledError", "killed", [("killed", "P0")])


def test_what_never_began_is_the_orchestrators_failure(toys: Toys) -> None:
    step, alerts = told(toys, NativeStep(Status.FAILED, 0))
    assert step.error
    assert (step.error.failure, alerts) == ("orchestrator", [("orchestrator", "P0")])


def test_what_its_worker_recorded_stays_and_is_not_told_twice(toys: Toys) -> None:
    step, alerts = told(toys, NativeStep(Status.FAILED, 1, "2026-01-04T00:00:00+00:00"), before=True)
    assert step.error
    assert (step.error.type, alerts) == ("ValueError", [])
