"""The breaker of a step: off after failed runs in a row, tried by one run alone, on again when that ends well."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from dimmer import BUG, HOUR, START, circuit_of, state, work_of

from counterpoint.alerts.incidents import all_cases
from counterpoint.errors import SwitchedOffError
from counterpoint.model import FailureClass, RunRequest, Severity, Status
from counterpoint.runtime.breaker import (
    NOT_COUNTED,
    admit,
    count_failure,
    count_success,
    switch_on,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from conftest import Toys


def fail(root: Path, *runs: str, at: datetime = START) -> None:
    for run in runs:
        count_failure(work_of(root, run), BUG, at)


def test_it_opens_once_after_three_runs_in_a_row(tmp_path: Path) -> None:
    fail(tmp_path, "a", "a", "b")
    admit(work_of(tmp_path, "c"), START)
    assert state(tmp_path) == "closed"
    assert count_failure(work_of(tmp_path, "c"), BUG, START) is not None
    assert count_failure(work_of(tmp_path, "d"), BUG, START + HOUR / 2) is None
    said = (
        "failed in 4 runs in a row and is switched off until 2026-01-07 03:00:00 UTC.*alerts ack [0-9a-f]{12} --reset"
    )
    with pytest.raises(SwitchedOffError, match=said):
        admit(work_of(tmp_path, "e"), START + HOUR - timedelta(seconds=1))


def test_a_success_between_starts_the_count_again(tmp_path: Path) -> None:
    fail(tmp_path, "a", "b")
    count_success(work_of(tmp_path, "c"))
    fail(tmp_path, "d", "e")
    assert state(tmp_path) == "closed"


@pytest.mark.parametrize("failure", sorted(NOT_COUNTED))
def test_what_is_no_failure_of_the_step_does_not_count(tmp_path: Path, failure: FailureClass) -> None:
    for run in "abcd":
        count_failure(work_of(tmp_path, run), failure, START)
    assert state(tmp_path) == "closed"


def test_a_backfill_neither_counts_nor_is_refused(tmp_path: Path) -> None:
    for run in "abcd":
        count_failure(work_of(tmp_path, run, "v2"), BUG, START)
    assert state(tmp_path) == "closed"
    fail(tmp_path, "a", "b", "c")
    admit(work_of(tmp_path, "d", "v2"), START)
    count_success(work_of(tmp_path, "d", "v2"))
    assert state(tmp_path) == "open"


def test_one_run_tries_it_with_all_its_attempts(tmp_path: Path) -> None:
    fail(tmp_path, "a", "b", "c")
    later = START + HOUR
    admit(work_of(tmp_path, "d"), later)
    assert state(tmp_path) == "half-open"
    admit(work_of(tmp_path, "d"), later)
    with pytest.raises(SwitchedOffError, match="while run d tries it"):
        admit(work_of(tmp_path, "e"), later)
    fail(tmp_path, "d", at=later)
    with pytest.raises(SwitchedOffError, match="until 2026-01-07 04:00:00 UTC"):
        admit(work_of(tmp_path, "e"), later + HOUR / 2)
    admit(work_of(tmp_path, "e"), later + HOUR)
    count_success(work_of(tmp_path, "e"))
    assert state(tmp_path) == "closed"
    admit(work_of(tmp_path, "f"), later + HOUR)
    admit(work_of(tmp_path, "g"), later + HOUR)


def test_a_probe_that_died_is_given_up(tmp_path: Path) -> None:
    fail(tmp_path, "a", "b", "c")
    admit(work_of(tmp_path, "d"), START + HOUR)
    with pytest.raises(SwitchedOffError):
        admit(work_of(tmp_path, "e"), START + 1.9 * HOUR)
    admit(work_of(tmp_path, "e"), START + 2 * HOUR)
    with pytest.raises(SwitchedOffError, match="while run e tries it"):
        admit(work_of(tmp_path, "d"), START + 2 * HOUR)


def test_a_run_of_several_elements_fails_when_one_does(tmp_path: Path) -> None:
    for run in "abc":
        count_success(work_of(tmp_path, run, index=0))
        count_failure(work_of(tmp_path, run, index=1), BUG, START)
        count_success(work_of(tmp_path, run, index=2))
    assert state(tmp_path) == "open"


def test_an_element_that_is_mended_in_the_same_run_counts_as_mended(tmp_path: Path) -> None:
    fail(tmp_path, "a", "b")
    count_failure(work_of(tmp_path, "c", index=1), BUG, START)
    assert state(tmp_path) == "open"
    count_success(work_of(tmp_path, "c", index=1))
    assert state(tmp_path) == "closed"


def test_by_hand(tmp_path: Path) -> None:
    fail(tmp_path, "a", "b", "c")
    switch_on(work_of(tmp_path, "").store, "lamp", "dims")
    admit(work_of(tmp_path, "d"), START)
    fail(tmp_path, "d", "e")
    assert state(tmp_path) == "closed"


RACE = """
import sys
from counterpoint.errors import SwitchedOffError
from counterpoint.runtime.breaker import admit, count_failure
from dimmer import BUG, HOUR, START, work_of

root, me = sys.argv[1], sys.argv[2]
sys.stdin.readline()
if me.startswith("fail"):
    for number in range(20):
        count_failure(work_of(root, f"{me}-{number % 4}"), BUG, START)
else:
    try:
        admit(work_of(root, me), START + HOUR)
        print("tries")
    except SwitchedOffError:
        print("refused")
"""


def at_once(root: Path, *names: str) -> list[str]:
    """What processes say that work on one circuit at the same time."""
    command = [sys.executable, "-c", RACE, str(root)]
    pipe = subprocess.PIPE
    made = [subprocess.Popen([*command, name], stdin=pipe, stdout=pipe, text=True) for name in names]
    for process in made:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].strip() for process in made]
    assert [process.returncode for process in made] == [0] * len(names)
    return said


def test_of_runs_at_once_no_failure_is_lost_and_one_tries(tmp_path: Path) -> None:
    at_once(tmp_path, "fail-a", "fail-b", "fail-c")
    circuit = circuit_of(tmp_path)
    assert sorted(run for run, _ in circuit.runs) == sorted(f"fail-{x}-{n}" for x in "abc" for n in range(4))
    assert circuit.state == "open"
    assert sorted(at_once(tmp_path, "d", "e", "f", "g")) == ["refused", "refused", "refused", "tries"]


def request(toys: Toys, mood: str, run: str, **more: str) -> RunRequest:
    config = {"mood": mood, "folder": str(toys.evidence)}
    made = RunRequest("fuses:lamps", "2026-01-03", run, str(toys.root), config=config, steps=("lamp",))
    return replace(made, **more)


def test_a_step_that_is_off_is_not_called_and_is_told_once(toys: Toys) -> None:
    for run in ("a", "b"):
        assert toys.run(request(toys, "dark", run)).status is Status.FAILED
    assert toys.calls("lamp-dark") == 4
    refused = toys.run(request(toys, "dark", "c")).step("lamp")
    assert (refused.attempts, refused.error.type, refused.error.failure) == (1, "SwitchedOffError", "switched_off")
    assert toys.calls("lamp-dark") == 4
    store = toys.store(request(toys, "dark", "c"))
    told = {case.alert.failure: case for case in all_cases(store)}
    assert {name: case.count for name, case in told.items()} == {"transient": 2, "switched_off": 1}
    off = told[FailureClass.SWITCHED_OFF].alert
    assert off.severity is Severity.P0
    assert off.title.startswith("lamps: lamp is switched off until 2")
    assert f"alerts ack {off.id} --reset" in off.command


def test_a_backfill_runs_a_step_that_is_off_and_a_success_switches_it_on(toys: Toys) -> None:
    for run in ("a", "b"):
        toys.run(request(toys, "dark", run))
    assert toys.run(request(toys, "bright", "c", version="v2")).status is Status.SUCCESS
    assert toys.run(request(toys, "bright", "d")).status is Status.FAILED
    switch_on(toys.store(request(toys, "", "")), "lamps", "lamp")
    assert toys.run(request(toys, "bright", "e")).status is Status.SUCCESS
    # what stands is no try, and is used while the step is off
    for run in ("f", "g"):
        toys.run(request(toys, "dark", run))
    assert toys.run(request(toys, "bright", "h")).step("lamp").reused
    assert circuit_of(toys.root, "lamps", "lamp").state == "open"


def test_the_elements_of_a_mapped_step_are_one_run(toys: Toys) -> None:
    for run in ("a", "b"):
        toys.run(RunRequest("fuses:chains", "2026-01-03", run, str(toys.root)))
    record = toys.run(RunRequest("fuses:chains", "2026-01-04", "c", str(toys.root)))
    assert record.step("chain").error.type == "SwitchedOffError"
