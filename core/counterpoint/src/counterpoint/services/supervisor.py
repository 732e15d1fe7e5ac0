"""Starts an orchestrator's services, waits until they answer, and stops every process of them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from counterpoint.errors import ServiceError, UsageError
from counterpoint.runtime.forkserver_client import ALLOCATOR, STEPS, command_of_service
from counterpoint.service_environment import SCHEDULES, SITE, Process
from counterpoint.services.claims import TOLD
from counterpoint.services.identity import ANOTHER, GUARDED, STATE, guarded, guardian_of, known_id
from counterpoint.services.leases import cleaning, starting, use, used_by_others
from counterpoint.services.processes import MARK, by_number, end_all, of_target
from counterpoint.services.service_environments import home_of, refuse_running, remember, running_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from counterpoint.adapter import Adapter, Plan, ServiceEnvironment
    from counterpoint.services.identity import Guarded

log = logging.getLogger(__name__)
START_SECONDS = 180.0
STOP_SECONDS = 20.0
_TAIL_LINES = 15
_MARGIN, _TICK = 10.0, 0.1


def mark_of(target: ServiceEnvironment) -> str:
    """The mark in the environment of every process of a service environment, by which they are measured."""
    return str(target.home)


def environment_of(target: ServiceEnvironment, plan: Plan) -> dict[str, str]:
    """The variables of a target's processes: the user's own, also HOME, without those that lead to other servers."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(plan.without or ("\0",))}
    home = Path(inherited.get("HOME", "/nonexistent"))
    return {
        **inherited,
        "HOME": str(home if home.is_dir() else target.home),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "COUNTERPOINT_ROOT": target.root,
        "COUNTERPOINT_PIPELINES": ",".join(target.pipelines),
        "PYTHONUNBUFFERED": "1",
        "_RJEM_MALLOC_CONF": ALLOCATOR,
        STEPS: str(_steps(target)),
        MARK: mark_of(target),
        SITE: target.id,
        **({SCHEDULES: "1"} if target.schedules else {}),
        **plan.environment,
    }


@contextmanager
def serving(adapter: Adapter, target: ServiceEnvironment) -> Iterator[ServiceEnvironment]:
    """Starts the services of a target and waits until they are ready; they end when their last user leaves the block.

    Raises:
        ServiceError: a process ended, or was not ready in time; holds the last lines of its log.
        UsageError: services of the target's home run already.
    """
    with ExitStack() as stack:
        with starting(target.home, adapter.name):
            _wait_for_the_end(target.home)
            refuse_running(target.root, adapter.name)
            started = stack.enter_context(_using(target.home))
            _start(adapter, target, started)
        yield target


@contextmanager
def sharing(adapter: Adapter, root: str, make: Callable[[], ServiceEnvironment]) -> Iterator[ServiceEnvironment]:
    """The running services of a root, or new ones of the target that `make` returns; they end with their last user.

    Raises:
        ServiceError: a process ended, or was not ready in time; holds the last lines of its log.
    """
    home = home_of(root, adapter.name)
    with ExitStack() as stack:
        with starting(home, adapter.name):
            _wait_for_the_end(home)
            started = stack.enter_context(_using(home))
            target = running_target(root, adapter.name)
            if target is None:
                target = make()
                _start(adapter, target, started)
            else:
                log.info("%s: using the running services", adapter.name)
        yield target


@contextmanager
def _using(home: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Uses the services of a home; the list holds the guardian started in the block, which may live on for others."""
    lock = use(home)
    started: list[subprocess.Popen[bytes]] = []
    try:
        yield started
    finally:
        os.close(lock)
        _wait_for_the_guardian(home)
        for guardian in started:
            assert guardian.stdin is not None  # noqa: S101 - it is a pipe
            guardian.stdin.close()
            if guardian_of(home) is None:
                _await(guardian)


def _wait_for_the_end(home: Path) -> None:
    """Waits while services are being ended: new services beside them would be ended with them.

    Services that are not ready are ended first: this command holds the right to start, so their starter is gone.
    """
    state = guardian_of(home)
    if state and not state.ready:
        stop_target(home)
    deadline = time.monotonic() + STOP_SECONDS + _MARGIN
    while (state := guardian_of(home)) and state.stopping and time.monotonic() < deadline:
        time.sleep(_TICK)


def _wait_for_the_guardian(home: Path) -> None:
    """Waits until the guardian has ended all processes, unless others use it; a second interrupt does not stop this."""
    while guardian_of(home):
        try:
            if used_by_others(home):
                log.info("the services keep running for other commands; the last command or 'down' stops them")
                return
            time.sleep(_TICK)
        except KeyboardInterrupt:
            continue
    clean_up(home)


def clean_up(home: Path) -> bool:
    """Ends the processes that a killed guardian has left, by its target's identity; returns whether there were any."""
    with cleaning(home) as may:
        if not may or guardian_of(home):
            return False
        return _end_rest(home)


def _end_rest(home: Path) -> bool:
    target, last = known_id(home), guarded(home)
    left = of_target(target, str(home.resolve()), last.sessions if last else ()) if target else []
    end_all(left)
    if last:
        (home / STATE).unlink(missing_ok=True)
    return bool(left)


def _start(adapter: Adapter, target: ServiceEnvironment, started: list[subprocess.Popen[bytes]]) -> None:
    """Starts the services of a target and waits until they are ready; ends them if that fails."""
    plan = adapter.plan(target)
    environment = environment_of(target, plan)
    _end_rest(target.home)
    for process in plan.prepare:
        _complete(target, process, environment)
    guardian = _guardian(target, plan, environment)
    started.append(guardian)
    try:
        remember(target)
        _wait_until_ready(adapter, target, plan, guardian)
        for process in plan.post_start:
            _complete(target, process, environment)
        _say(guardian, b"ready")
        while not ((state := guarded(target.home)) and state.ready):
            _refuse_ended(adapter, target, guardian)
            time.sleep(_TICK / 10)
    except BaseException:
        guardian.terminate()
        _await(guardian)
        _end_rest(target.home)
        raise


def _steps(target: ServiceEnvironment) -> Path:
    return target.home / "steps.sock"


def _forking(target: ServiceEnvironment) -> Process:
    """The process from which the service environment's steps are forked."""
    return Process("steps", tuple(command_of_service(_steps(target))))


def _complete(target: ServiceEnvironment, process: Process, environment: dict[str, str]) -> None:
    """Runs a command to its end, and raises if it fails."""
    log.info("running %s", process.name)
    logs = target.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    path = logs / f"{process.name}.log"
    before = path.stat().st_size if path.exists() else 0
    with path.open("ab") as file:
        code = subprocess.run(
            process.command,
            env={**environment, **process.environment},
            cwd=target.home,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    lines = path.read_bytes()[before:].decode(errors="replace").splitlines()
    messages = [line.removeprefix(TOLD) for line in lines if line.startswith(TOLD)]
    if code == UsageError.exit_code and messages:
        raise UsageError(f"{target.home.name}: {messages[-1]}")
    if code:
        raise ServiceError(f"'{' '.join(process.command)}' ended with code {code}; its log {path} ends:\n{tail(path)}")
    for line in messages:
        log.warning("%s", line)


def _guardian(target: ServiceEnvironment, plan: Plan, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    guardian = subprocess.Popen(
        [sys.executable, "-P", "-m", "counterpoint.services.process_supervisor"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, GUARDED: target.id},
    )
    order = {
        "home": str(target.home),
        "site": target.id,
        "environment": environment,
        "processes": [asdict(process) for process in (_forking(target), *plan.processes)],
        "patience": STOP_SECONDS,
    }
    _say(guardian, json.dumps(order).encode())
    return guardian


def _say(guardian: subprocess.Popen[bytes], line: bytes) -> None:
    assert guardian.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError):  # the guardian has ended; `_refuse_ended` reports that
        guardian.stdin.write(line + b"\n")
        guardian.stdin.flush()


def _wait_until_ready(
    adapter: Adapter, target: ServiceEnvironment, plan: Plan, guardian: subprocess.Popen[bytes]
) -> None:
    deadline = time.monotonic() + START_SECONDS
    missing, logged = plan.ready(), None
    while missing is not None:
        if missing != logged:
            log.info("%s: waiting: %s", adapter.name, missing)
            logged = missing
        _refuse_ended(adapter, target, guardian)
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{adapter.name} was not ready after {START_SECONDS:g} s: {missing}\n{_tails(target, plan)}"
            )
        time.sleep(0.25)
        missing = plan.ready()


def _refuse_ended(adapter: Adapter, target: ServiceEnvironment, guardian: subprocess.Popen[bytes]) -> None:
    if guardian.poll() == ANOTHER:
        raise ServiceError(f"{adapter.name} is run on {target.root} from another container or machine: stop it there")
    if guardian.poll() is not None:
        raise ServiceError(
            f"the guardian of {adapter.name} ended with code {guardian.returncode}: see {target.home}/logs"
        )
    ended = ended_of(adapter, target)
    if ended:
        raise ServiceError(ended)


def ended_of(adapter: Adapter, target: ServiceEnvironment) -> str | None:
    """Names a process of a target that has ended for good, with the end of its log; None if all run."""
    state = guarded(target.home)
    if state is None:
        return None
    if not state.lives:
        return (
            f"the guardian of {adapter.name} (process {state.guardian.pid}), which holds its services, was killed, and"
            f" they ended with it: look for what did so, such as the out-of-memory killer, and run the command again"
        )
    for name, process in state.processes.items():
        if process["code"] is not None:
            path = target.home / "logs" / f"{name}.log"
            return f"the {name} of {adapter.name} ended with code {process['code']}; its log {path} ends:\n{tail(path)}"
    return None


def _tails(target: ServiceEnvironment, plan: Plan) -> str:
    return "\n".join(f"{p.name}:\n{tail(target.home / 'logs' / f'{p.name}.log')}" for p in plan.processes)


def tail(path: Path) -> str:
    """The last lines of a log, indented."""
    if not path.exists():
        return "  (empty)"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (empty)"


def stopped(target: ServiceEnvironment) -> bool:
    """Whether services were ended normally, as by `counterpoint down`, or are being ended."""
    state = guarded(target.home)
    return known_id(target.home) is not None and (state is None or state.stopping)


def _await(guardian: subprocess.Popen[bytes]) -> None:
    """Waits for the guardian's end, also after further interrupts, so that no process is left."""
    while True:
        try:
            guardian.wait()
        except KeyboardInterrupt:
            continue
        return


def stop_target(home: Path) -> bool:
    """Stops the services that another command started, and leftovers of such; returns false when there were none.

    Only processes that are known as the target's are ended: no process that reuses an id, and no original of a copy.
    """
    state = guardian_of(home)
    if state is None:
        return clean_up(home) if known_id(home) else False
    for guardian in by_number([state.guardian.pid]):
        with suppress(psutil.NoSuchProcess):
            _end(guardian, state)
    clean_up(home)
    return True


def _end(guardian: psutil.Process, state: Guarded) -> None:
    try:
        if state.lives:
            guardian.terminate()
            psutil.wait_procs([guardian], timeout=STOP_SECONDS + _MARGIN)
        if state.lives:
            guardian.kill()
    except psutil.AccessDenied:
        raise ServiceError(f"the services are another user's: process {guardian.pid} may not be ended") from None
