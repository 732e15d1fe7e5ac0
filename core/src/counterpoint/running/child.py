"""One attempt of one step in a process of its own, which a time-out can kill whatever it is doing."""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ChildStepError, StepKilledError, StepTimeoutError
from counterpoint.model import ErrorInfo, Reference, RunRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_PR_SET_PDEATHSIG = 1
# the descriptor, for sys.stderr may be something that has none
_STDERR = 2
# Polars allocates by jemalloc, an arena a thread: two arenas save a third of the memory and cost nothing here
ALLOCATOR = "narenas:2"
# Set when this process is to end: no attempt is started any more, and those that run are killed.
STOPPING = Event()
# how long a process may take to say where it is, before it is killed
_STACK_SECONDS = 1.0
_FRAME = re.compile(r'File "(.+)", line (\d+) in (.+)')
_LIVING: set[subprocess.Popen[bytes]] = set()
_CHILD = "import sys; from counterpoint.running.child import main; sys.exit(main(sys.argv[1], int(sys.argv[2])))"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one step: what to execute, with which references."""

    request: RunRequest
    step: str
    references: Mapping[str, Any]
    number: int = 1
    index: int | None = None


def execute_in_child(attempt: Attempt, timeout: float | None = None) -> Reference:
    """Executes the attempt in a process of its own, killed with all its children after `timeout` seconds.

    Raises:
        StepTimeoutError: it took longer.
        StepKilledError: its process ended without an answer.
        ChildStepError: the step failed; carries the error as it was there.
        KeyboardInterrupt: this process is to end.
    """
    with tempfile.TemporaryDirectory(prefix="counterpoint-") as folder:
        answer = Path(folder) / "answer.json"
        process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(answer), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=_STDERR,
            env={"_RJEM_MALLOC_CONF": ALLOCATOR, **os.environ},
            start_new_session=True,
        )
        _LIVING.add(process)
        try:
            _refuse_when_stopping()
            _feed_and_wait(process, attempt, timeout, _stack_file(answer))
            _refuse_when_stopping()
            return _answer(attempt, answer, process.returncode)
        except (StepTimeoutError, StepKilledError) as error:
            _record(attempt, error)
            raise
        finally:
            _end(process)
            _LIVING.discard(process)


def stop_children() -> None:
    """Kills every attempt that runs, and lets no other begin: this process is to end."""
    STOPPING.set()
    for process in list(_LIVING):
        _end(process)


def _refuse_when_stopping() -> None:
    if STOPPING.is_set():
        raise KeyboardInterrupt


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _stack_file(answer: Path) -> Path:
    return answer.with_name("stack")


def _stack(process: subprocess.Popen[bytes], file: Path) -> tuple[str, ...]:
    """Where the Python code of a process is, outermost first, also when it is in a call of C code."""
    if not file.exists():
        return ()
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGUSR1)
    deadline, text = time.monotonic() + _STACK_SECONDS, ""
    while time.monotonic() < deadline and not (text and text == file.read_text(encoding="utf-8")):
        text = file.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.05)
    return tuple(f"{name}:{line} in {function}" for name, line, function in reversed(_FRAME.findall(text)))


def _feed_and_wait(process: subprocess.Popen[bytes], attempt: Attempt, timeout: float | None, stack: Path) -> None:
    try:
        process.communicate(_encode(attempt), timeout)
    except subprocess.TimeoutExpired:
        raise StepTimeoutError(
            f"step {attempt.step} of {attempt.request.partition} exceeded its time-out of {timeout:g} s and"
            " was killed: raise the step's timeout, or give it less to do",
            _stack(process, stack),
        ) from None


def _encode(attempt: Attempt) -> bytes:
    return json.dumps({**asdict(attempt), "request": attempt.request.to_json()}, default=_plain).encode()


def _plain(value: Any) -> Any:
    return value.to_dict()


def _decode(text: str) -> Attempt:
    values = json.loads(text)
    references = {name: decode_references(given) for name, given in values["references"].items()}
    return Attempt(**{**values, "request": RunRequest.from_json(values["request"]), "references": references})


def decode_references(given: Any) -> Any:
    """A reference, or a list of them, from what JSON made of it; None stays None."""
    if isinstance(given, list | tuple):
        return [decode_references(element) for element in given]
    return Reference.from_dict(given) if isinstance(given, dict) else given


def _answer(attempt: Attempt, answer: Path, code: int) -> Reference:
    if not answer.exists():
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        raise StepKilledError(
            f"the process of step {attempt.step} of {attempt.request.partition} {how} without an answer: look for"
            " what ended it, such as the system's out-of-memory killer"
        )
    values = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in values:
        raise ChildStepError(ErrorInfo(**values["error"]))
    return Reference.from_dict(values)


def _record(attempt: Attempt, error: Exception) -> None:
    """A process that was killed left no record of its step."""
    from counterpoint.running.execute import record_failure

    record_failure(attempt.request, attempt.step, error, attempt=attempt.number, index=attempt.index)


def main(answer: str, parent: int) -> int:
    """Executes the attempt that stands on standard input; writes its reference or its error to `answer`.

    Ends at once when the process `parent` ends, or has ended already.
    """
    from counterpoint.running.execute import execute
    from counterpoint.running.failure import describe
    from counterpoint.running.logs import log_warnings

    _die_with(parent)
    log_warnings()
    stack = _stack_file(Path(answer)).open("w", encoding="utf-8")  # open until this process ends
    faulthandler.register(signal.SIGUSR1, stack, all_threads=False)
    attempt = _decode(sys.stdin.read())
    try:
        reference = execute(
            attempt.request, attempt.step, attempt.references, attempt=attempt.number, index=attempt.index
        )
        values: dict[str, Any] = reference.to_dict()
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told
        values = {"error": describe(error).to_dict()}
    part = Path(f"{answer}.part")
    part.write_text(json.dumps(values), encoding="utf-8")
    part.rename(answer)
    return int("error" in values)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed while this process was starting
        os.kill(os.getpid(), signal.SIGKILL)
