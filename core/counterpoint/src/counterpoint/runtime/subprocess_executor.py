"""One attempt at a step in a process of its own, which a time-out can kill at any moment."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ChildStepError, CounterpointError, StepKilledError, StepTimeoutError
from counterpoint.model import ArtifactRef, ErrorInfo, RunRequest
from counterpoint.model.code import outdated, step_reach
from counterpoint.runtime.bounds import Bounds, bounds_of
from counterpoint.runtime.forkserver_client import STEPS, Forked, ForkedApart, Libraries, fork, take
from counterpoint.runtime.memory import MemoryGuard, WithinMemory, exceeded
from counterpoint.runtime.preload_cache import learn, learned, preloaded
from counterpoint.runtime.secrets import foreign_values, receive

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

# Set when this process is to end: no attempt is started any more, and those that run are killed.
STOPPING = Event()
# Set where one process executes all steps of a run: their libraries are then imported once, in the fork server.
WHOLE_RUNS = Event()
# how long a process may take to write its stack, before it is killed
_STACK_SECONDS = 1.0
_FRAME = re.compile(r'File "(.+)", line (\d+) in (.+)')
_LIVING: set[Forked] = set()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a step, with the references of its inputs."""

    request: RunRequest
    step: str
    references: Mapping[str, Any]
    number: int = 1
    index: int | None = None


def execute_in_child(attempt: Attempt, timeout: float | None = None, *, others: bool = True) -> ArtifactRef:
    """Executes the attempt in a process of its own, killed with all its children after `timeout` seconds.

    Args:
        attempt: The attempt.
        timeout: The seconds that it may take; None for no limit.
        others: Whether this process executes other steps of the run, too: their libraries are imported meanwhile.

    Raises:
        StepTimeoutError: The attempt took longer.
        StepMemoryError: It held more memory than the resources of the step say.
        StepKilledError: Its process ended without an answer.
        ChildStepError: The step failed; carries the error from the process.
        KeyboardInterrupt: This process is to end.
    """
    secrets = _foreign_secrets(attempt)
    bounds = bounds_of(attempt.request, attempt.step)
    with tempfile.TemporaryFile() as stack, closing(_fork(attempt, bounds, stack.fileno(), others=others)) as process:
        _LIVING.add(process)
        try:
            _refuse_when_stopping()
            ask = partial(_ask, process, attempt, timeout, stack.fileno(), secrets)
            answer = _ask_within(bounds.memory, process, attempt, ask)
            _refuse_when_stopping()
            return _read(attempt, answer, process.returncode)
        except (StepTimeoutError, StepKilledError) as error:
            process.close()
            _record(attempt, error)
            raise
        finally:
            _LIVING.discard(process)


def execute_attempt(attempt: Attempt, timeout: float | None = None) -> ArtifactRef:
    """Executes the attempt of a native task: in this process, unless it has a time-out or steps are forked anyway.

    A step that declares resources or an environment has a process of its own, and so has one whose code has changed
    since this process loaded it.

    Raises:
        Exception: The step's error, or an error of `execute_in_child`.
    """
    from counterpoint.runtime.execute import execute

    is_forked = timeout is not None or WHOLE_RUNS.is_set() or bool(os.environ.get(STEPS))
    if is_forked or bounds_of(attempt.request, attempt.step) or _is_outdated(attempt):
        return execute_in_child(attempt, timeout, others=WHOLE_RUNS.is_set())
    return execute(attempt.request, attempt.step, attempt.references, attempt=attempt.number, index=attempt.index)


def _is_outdated(attempt: Attempt) -> bool:
    from counterpoint.runtime.context import context_of

    try:
        return bool(outdated(step_reach(context_of(attempt.request, attempt.step).step)))
    except CounterpointError:
        return False  # its execution reports the error


def stop_children() -> None:
    """Kills all running attempts and prevents new ones, because this process is to end."""
    STOPPING.set()
    for process in list(_LIVING):
        process.kill()


def _refuse_when_stopping() -> None:
    if STOPPING.is_set():
        raise KeyboardInterrupt


def _fork(attempt: Attempt, bounds: Bounds, stack: int, *, others: bool) -> Forked:
    if bounds:
        return ForkedApart(stack, bounds.variables)
    return fork(stack, partial(learned, attempt.request, attempt.step) if others else Libraries)


def _ask_within(memory: int | None, process: Forked, attempt: Attempt, ask: Callable[[], Any]) -> Any:
    """What the process answers; it is killed when it holds more memory than it may.

    Raises:
        StepMemoryError: It did.
    """
    if memory is None:
        return ask()
    with MemoryGuard(process.pid, memory, process.kill) as guard:
        answer = ask()
    if guard.is_exceeded and answer is None:
        raise exceeded(attempt.step, attempt.request.partition, memory, guard.peak, "was killed")
    return answer


def _foreign_secrets(attempt: Attempt) -> Mapping[str, str]:
    """Secrets that the process of the step could not read: an orchestrator gives them to its own process alone."""
    from counterpoint.runtime.registry import find_pipeline

    try:
        step = find_pipeline(attempt.request.pipeline).step(attempt.step)
    except CounterpointError:
        return {}  # its execution will tell
    try:
        return foreign_values(attempt.request, step)
    except Exception as error:
        _record(attempt, error)
        raise


def _ask(process: Forked, attempt: Attempt, timeout: float | None, stack: int, secrets: Mapping[str, str]) -> Any:
    try:
        return process.ask(_encode(attempt, secrets), timeout)
    except TimeoutError:
        raise StepTimeoutError(
            f"step {attempt.step} of {attempt.request.partition} exceeded its time-out of {timeout:g} s and"
            " was killed: raise the step's timeout, or give it less to do",
            _where(process, stack),
        ) from None


def _where(process: Forked, stack: int) -> tuple[str, ...]:
    """The Python stack of a process, outermost frame first, also while it runs C code."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGUSR1)
    deadline, dump, previous = time.monotonic() + _STACK_SECONDS, b"", None
    while time.monotonic() < deadline and not (dump and dump == previous):
        time.sleep(0.05)
        dump, previous = os.pread(stack, 1 << 20, 0), dump  # `read` would move the offset at which the process writes
    text = dump.decode(errors="replace")
    return tuple(f"{name}:{line} in {function}" for name, line, function in reversed(_FRAME.findall(text)))


def _encode(attempt: Attempt, secrets: Mapping[str, str]) -> bytes:
    values = {**asdict(attempt), "request": attempt.request.to_json()}
    return json.dumps({"attempt": values, "secrets": dict(secrets)}, default=_plain).encode()


def _plain(value: Any) -> Any:
    return value.to_dict()


def _decode(values: dict[str, Any]) -> Attempt:
    references = {name: decode_references(reference) for name, reference in values["references"].items()}
    return Attempt(**{**values, "request": RunRequest.from_json(values["request"]), "references": references})


def decode_references(given: Any) -> Any:
    """A reference, or a list of them, from its JSON form; None stays None."""
    if isinstance(given, list | tuple):
        return [decode_references(element) for element in given]
    return ArtifactRef.from_dict(given) if isinstance(given, dict) else given


def _read(attempt: Attempt, answer: Any, code: int | None) -> ArtifactRef:
    if answer is None:
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        raise StepKilledError(
            f"the process of step {attempt.step} of {attempt.request.partition} {how} without an answer: look for"
            " what ended it, such as the system's out-of-memory killer"
        )
    if "error" in answer:
        raise ChildStepError(ErrorInfo(**answer["error"]))
    return ArtifactRef.from_dict(answer)


def _record(attempt: Attempt, error: Exception) -> None:
    """Records the failure of a killed process, which left no record itself."""
    from counterpoint.runtime.execute import record_failure

    record_failure(attempt.request, attempt.step, error, attempt=attempt.number, index=attempt.index)


def main(asking: socket.socket, tells: int) -> int:
    """Executes the attempt that it is sent, and answers with its reference or its error in one line.

    The libraries that the step imported are reported to the fork server and stored for later runs.

    Args:
        asking: The connection to the process that ordered the attempt.
        tells: The descriptor on which the fork server reads names of libraries.

    Returns:
        The exit code.
    """
    from counterpoint.runtime.execute import execute
    from counterpoint.runtime.failure import describe
    from counterpoint.runtime.logs import log_warnings

    before = set(sys.modules)
    with asking.makefile("r", encoding="utf-8") as question:
        take(json.loads(question.readline()))
        log_warnings()
        asked = json.loads(question.read())
        attempt = _decode(asked["attempt"])
        receive(asked["secrets"])
    try:
        reference = execute(
            attempt.request,
            attempt.step,
            attempt.references,
            attempt=attempt.number,
            index=attempt.index,
            hooks=[WithinMemory()],
        )
        values: dict[str, Any] = reference.to_dict()
    except Exception as error:  # noqa: BLE001 - every error is sent to the parent
        values = {"error": describe(error).to_dict()}
    asking.sendall(f"answer {json.dumps(values)}\n".encode())
    used = [name for name in preloaded() if name in sys.modules and name not in before]
    os.write(tells, (" ".join(used) + "\n").encode())
    learn(attempt.request, attempt.step, used)
    return int("error" in values)
