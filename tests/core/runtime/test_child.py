"""A step in a process of its own: killed when its time is up with all its children, and with its parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from counterpoint.errors import ChildStepError, StepKilledError, StepTimeoutError
from counterpoint.model import Status, is_retryable
from counterpoint.runtime import Attempt, decode_references, execute_in_child

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Toys


def gone(file: Path, seconds: float = 5) -> bool:
    """Whether the process whose id stands in a file ends soon."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(int(file.read_text())).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.05)
                continue
        return True
    return False


def test_a_reference_comes_back(toys: Toys) -> None:
    request = toys.request("failing")
    made = execute_in_child(Attempt(request, "fine", {}))
    assert toys.store(request).read(made) == 3
    again = execute_in_child(Attempt(request, "anyway", {"fine": made, "fails": None}))
    assert toys.store(request).read(again) == [3, None]
    assert decode_references([made.to_dict(), None]) == [made, None]


def test_an_error_comes_back_as_it_was_there(toys: Toys) -> None:
    request = toys.request("failing")
    given = {"fine": execute_in_child(Attempt(request, "fine", {}))}
    with pytest.raises(ChildStepError, match="ValueError: no 3") as failure:
        execute_in_child(Attempt(request, "fails", given))
    assert failure.value.info.where.endswith("in fails")
    assert not is_retryable(failure.value)
    with pytest.raises(ChildStepError) as failure:
        execute_in_child(Attempt(request, "permanent", given))
    assert not is_retryable(failure.value)


def test_a_time_out_kills_the_step_and_its_children(toys: Toys) -> None:
    request, began = toys.request("deadly"), time.monotonic()
    with pytest.raises(StepTimeoutError, match="hangs_once of 2026-01-03 exceeded its time-out of 2 s and was killed"):
        execute_in_child(Attempt(request, "hangs_once", {}, 4), 2.0)
    assert time.monotonic() - began < 6
    assert gone(toys.evidence / "grandchild")
    assert toys.store(request).entry("hangs_once", "2026-01-03") is None
    told = toys.store(request).get_json(f"runs/deadly/{request.run_id}/hangs_once.json")
    assert (told["status"], told["attempts"], told["error"]["type"]) == ("failed", 4, "StepTimeoutError")


def test_a_process_that_is_killed_is_told_of(toys: Toys) -> None:
    request = toys.request("deadly")
    with pytest.raises(StepKilledError, match="dies_once of 2026-01-03 was killed by signal 9 without an answer"):
        execute_in_child(Attempt(request, "dies_once", {}))
    told = toys.store(request).get_json(f"runs/deadly/{request.run_id}/dies_once.json")
    assert (told["status"], told["error"]["type"]) == ("failed", "StepKilledError")
    assert toys.store(request).entry("dies_once", "2026-01-03") is None
    with pytest.raises(StepKilledError, match="ended with code 7 without an answer"):
        execute_in_child(Attempt(request, "dies", {}))


def parent_of_a_sleeper(toys: Toys) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from counterpoint.model import RunRequest; from counterpoint.runtime import *;"
        "execute_in_child(Attempt(RunRequest.from_json(sys.argv[1]), 'sleeps', {}))"
    )
    return subprocess.Popen([sys.executable, "-c", code, toys.request("deadly").to_json()])


def test_a_step_dies_with_its_parent(toys: Toys) -> None:
    parent = parent_of_a_sleeper(toys)
    sleeper = toys.evidence / "sleeper"
    deadline = time.monotonic() + 15
    while not (sleeper.exists() and sleeper.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert gone(sleeper)


def test_a_step_that_is_only_starting_dies_with_its_parent(toys: Toys) -> None:
    parent, deadline = parent_of_a_sleeper(toys), time.monotonic() + 15
    while not (started := psutil.Process(parent.pid).children()) and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)  # its orders are in the pipe
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert not psutil.wait_procs(started, timeout=5)[1]
    assert not (toys.evidence / "sleeper").exists()


def test_what_a_step_prints_is_not_an_answer(toys: Toys, capfd: pytest.CaptureFixture[str]) -> None:
    execute_in_child(Attempt(toys.request("talking"), "talks", {}))
    out, err = capfd.readouterr()
    assert (out, "a word" in err) == ("", True)


def test_a_step_runs_where_there_is_no_real_stderr(toys: Toys, capsys: pytest.CaptureFixture[str]) -> None:
    execute_in_child(Attempt(toys.request("talking"), "talks", {}))


def test_failed_children_are_recorded_once(toys: Toys) -> None:
    record = toys.run(toys.request("deadly", steps=("dies",)))
    assert record.status is Status.FAILED
    assert record.step("dies").error.type == "StepKilledError"
