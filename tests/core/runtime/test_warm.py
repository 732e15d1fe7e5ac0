"""The process from which steps are forked: each begins as a new interpreter would, and none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from counterpoint.errors import ChildStepError, StepKilledError
from counterpoint.runtime import Attempt, execute_attempt, execute_in_child, forkserver
from counterpoint.services import ProcessEngine

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Toys


def told(toys: Toys, run_id: str = "run") -> dict[str, Any]:
    request = toys.request("forked", run_id=run_id, force=True)
    value: dict[str, Any] = toys.store(request).read(execute_in_child(Attempt(request, "surroundings", {})))
    return value


def test_steps_come_from_one_process_and_begin_alike(toys: Toys) -> None:
    one, other = told(toys), told(toys)
    assert one["pid"] != other["pid"]
    assert one["parent"] == other["parent"] != os.getpid()
    assert one["drawn"] != other["drawn"]


def test_a_step_sees_what_a_new_interpreter_would(toys: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = told(toys)
    monkeypatch.setenv("TOYS_SAID", "later")
    said = told(toys)
    assert (before["said"], said["said"]) == ("", "later")
    monkeypatch.chdir(tmp_path)
    assert told(toys)["folder"] == str(tmp_path)
    assert not psutil.pid_exists(before["parent"])


def test_a_step_finds_the_modules_that_who_asks_finds(
    toys: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "found_by_path.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    execute_in_child(Attempt(toys.request("forked", config={"library": "found_by_path"}), "needy", {}))


def test_what_is_set_anew_for_each_task_needs_no_new_process(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_TASK_ID", "raw")
    one = told(toys)
    monkeypatch.setenv("AIRFLOW_CTX_TASK_ID", "features")
    other = told(toys)
    assert (one["task"], other["task"]) == ("raw", "features")
    assert one["parent"] == other["parent"]


def test_where_one_process_executes_whole_runs_each_step_has_its_own(toys: Toys) -> None:
    def pid() -> int:
        request = toys.request("forked", force=True)
        return int(toys.store(request).read(execute_attempt(Attempt(request, "surroundings", {})))["pid"])

    adapter: Any = SimpleNamespace(name="airflow", run=lambda *_: pid())
    assert ProcessEngine(adapter).run([toys.request("forked")]) != [os.getpid()]
    assert pid() == os.getpid()


def test_steps_of_many_threads_come_back_each_to_its_own(toys: Toys) -> None:
    requests = [toys.request("forked", f"2026-01-{day:02}", config={"number": day}) for day in range(1, 13)]
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(lambda request: execute_in_child(Attempt(request, "long", {})), requests))
    values = [toys.store(request).read(reference) for request, reference in zip(requests, made, strict=True)]
    assert values == ["long " * day for day in range(1, 13)]


def test_what_a_step_leaves_for_the_end_of_its_process_is_done(toys: Toys, capfd: pytest.CaptureFixture[str]) -> None:
    execute_in_child(Attempt(toys.request("forked"), "tidy", {}))
    assert (toys.evidence / "late").read_text() == "the thread, then the rest"
    assert "said at last" in capfd.readouterr().err


def test_an_answer_may_be_long(toys: Toys) -> None:
    request = toys.request("forked", config={"number": 100_000})
    with pytest.raises(ChildStepError) as failure:
        execute_in_child(Attempt(request, "wordy", {}))
    assert failure.value.info.message.startswith("long long ")


def test_when_it_is_killed_its_steps_are_and_the_next_has_another(toys: Toys) -> None:
    first = told(toys)["parent"]
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(execute_in_child, Attempt(toys.request("deadly"), "sleeps", {}))
        while not (toys.evidence / "sleeper").exists():
            assert not running.done()
        os.kill(first, signal.SIGKILL)
        with pytest.raises(StepKilledError, match="was killed by signal 9 without an answer"):
            running.result(timeout=20)
    assert told(toys, "again")["parent"] != first


def test_what_it_has_imported_starts_no_thread() -> None:
    code = (
        "import importlib, os, sys;"
        f"[importlib.import_module(name) for name in {forkserver.IMPORTED!r}];"
        "print(len(os.listdir('/proc/self/task')), {'numpy', 'polars', 'pyarrow', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 set()"


def test_where_no_process_can_be_started_the_step_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", full)
    heard, told_to = os.pipe()
    assert forkserver.fork([told_to, os.dup(2), os.dup(2)]) is None
    assert os.read(heard, 100) == b"exit 1\n"
    os.close(heard)
    assert "no process can be started for a step" in capfd.readouterr().err
