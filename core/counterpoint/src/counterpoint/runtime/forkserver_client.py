"""Processes of steps, forked from one that has imported what they need (`forkserver`).

A new interpreter costs 0.2 CPU seconds for Counterpoint's imports and up to 8 for those of Polars, pandera, PyTorch and
MLflow; a fork of one that has them, 0.03. The process that is forked never runs a step, so that each step's process
begins as if it were new. Where a target's service `steps` runs, it is asked; elsewhere each process keeps its own.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from counterpoint.processes import ATTEMPT, ProcessId, end_step
from counterpoint.runtime.forkserver_standin import ORDER, STDERR, connected

if TYPE_CHECKING:
    from collections.abc import Callable

# names the socket of the service `steps` to the processes of a service environment
STEPS = "COUNTERPOINT_STEPS"
# Polars allocates by jemalloc, an arena a thread: two arenas save a third of the memory and cost nothing here
ALLOCATOR = "narenas:2"
# what an orchestrator sets anew for each task, and no library reads when it is imported
_OF_A_TASK = ("AIRFLOW_CTX_", "__AIRFLOW_")
_SERVE = "import sys; from counterpoint.runtime.forkserver import serve; sys.exit(serve(*sys.argv[1:])())"
_LISTEN = "import sys; from counterpoint.runtime.forkserver import listen; sys.exit(listen(sys.argv[1])())"


class Libraries(NamedTuple):
    """What a process to fork from imports by itself: some before it forks anything, the others between two forks."""

    first: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


class Origin(Protocol):
    """What processes of steps are forked from."""

    @property
    def orders(self) -> socket.socket: ...  # noqa: D102 - where an order is sent to

    def returncode(self) -> int:
        """How it ended, for a process whose end it did not tell."""


class Forked:
    """A process of a step, in a session of its own; `pid` and `returncode` as those of `subprocess.Popen`."""

    def __init__(self, origin: Origin, stack: int) -> None:
        self._origin, self._heard = origin, b""
        self.returncode: int | None = None
        self._told, theirs = socket.socketpair()
        with theirs, suppress(ConnectionError):  # it is gone: nothing will be heard
            socket.send_fds(origin.orders, [ORDER], [theirs.fileno(), STDERR, stack])
        told = self._hear("process")
        self._process = ProcessId.parse(told) if told else None
        self.pid = self._process.pid if self._process else 0

    def ask(self, question: bytes, timeout: float | None) -> Any:
        """Feeds the process and waits for its end, at most `timeout` seconds; what it answered, None for nothing.

        Raises:
            TimeoutError: it has not ended by then.
        """
        with suppress(ConnectionError):  # it was killed before it had read all
            self._told.sendall(json.dumps(_surroundings()).encode() + b"\n" + question)
            self._told.shutdown(socket.SHUT_WR)
        self._wait(timeout)
        answer = self._hear("answer")
        return None if answer is None else json.loads(answer)

    def _wait(self, timeout: float | None) -> None:
        code = self._hear("exit", timeout)
        self.returncode = self._origin.returncode() if code is None else int(code)
        if code is None and self._process:  # who would have ended what it has started is gone
            end_step(self._process)

    def _hear(self, kind: str, timeout: float | None = None) -> str | None:
        """What stands behind a word that begins a line; None when that line does not come any more."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            lines = [
                line.decode().partition(" ") for line in self._heard.splitlines(keepends=True) if line[-1:] == b"\n"
            ]
            told = {word: rest.rstrip("\n") for word, _, rest in lines}
            if kind in told or "exit" in told:
                return told.get(kind)
            self._told.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
            try:
                heard = self._told.recv(1 << 16)
            except ConnectionError:
                heard = b""
            if not heard:
                return None
            self._heard += heard

    def kill(self) -> None:
        """Kills it, if it runs, with all that it has started."""
        if self.returncode is None and self._process:
            end_step(self._process)

    def close(self) -> None:
        """Kills it, and returns when it has ended."""
        self.kill()
        if self.returncode is None and self.pid:
            self._wait(None)
        self._told.close()


class Warm:
    """A process to fork from. It ends with this object, or with this process; what was forked from it ends with it."""

    def __init__(self, libraries: Libraries) -> None:
        self._made_for = _interpreter()
        self.orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _SERVE, str(os.getpid()), *map(",".join, libraries)],
                stdin=theirs.fileno(),
                stdout=STDERR,
                env=_environment(),
                start_new_session=True,
            )
        weakref.finalize(self, _end, self._process, self.orders)

    def returncode(self) -> int:
        """Waits for its end."""
        return self._process.wait()

    def may_serve(self) -> bool:
        """Whether it lives, takes orders, and a new interpreter would begin as it did."""
        closed, _, _ = select.select([self.orders], [], [], 0)
        return self._made_for == _interpreter() and self._process.poll() is None and not closed


def _interpreter() -> tuple[Any, ...]:
    """Where this differs, a new interpreter might import other things, or import them otherwise."""
    return os.getpid(), {name: value for name, value in os.environ.items() if not name.startswith(_OF_A_TASK)}


def _surroundings() -> dict[str, Any]:
    return {"folder": str(Path.cwd()), "environment": _environment(), "path": sys.path}


def _environment() -> dict[str, str]:
    return {"_RJEM_MALLOC_CONF": ALLOCATOR, **os.environ}


def _end(process: subprocess.Popen[bytes], orders: socket.socket) -> None:
    orders.close()
    process.kill()
    process.wait()


class Service:
    """The service `steps` of this process's service environment, connected for one order."""

    def __init__(self, orders: socket.socket) -> None:
        self.orders = orders

    def returncode(self) -> int:
        """It kills its forks when it ends."""
        return -signal.SIGKILL


def take(surroundings: Any) -> None:
    """Makes the surroundings of the process that asks this one's."""
    os.environ.clear()
    os.environ.update(surroundings["environment"])
    os.environ[ATTEMPT] = str(ProcessId.of(os.getpid()))
    os.chdir(surroundings["folder"])
    sys.path[:] = surroundings.get("path", sys.path)


def command_of_service(place: Path) -> list[str]:
    """What starts the service `steps`, which listens at `place`."""
    return [sys.executable, "-P", "-c", _LISTEN, str(place)]


def served() -> Service | None:
    """The service, if this process belongs to a service environment and it takes orders."""
    place = os.environ.get(STEPS)
    if not place or sys.platform != "linux":
        return None
    try:
        return Service(connected(place))
    except OSError:
        return None


_KEPT: list[Warm] = []
_KEEPING = Lock()


def fork(stack: int, libraries: Callable[[], Libraries] = Libraries) -> Forked:
    """A new process that executes an attempt; it writes where its Python code is to `stack` when it gets SIGUSR1.

    `libraries` is asked when a process to fork from has to be made.
    """
    if service := served():
        with service.orders:
            return Forked(service, stack)
    forked = Forked(ready(libraries), stack)
    if forked.pid:
        return forked
    forked.close()  # a library has started a thread, so that nothing was forked
    return Forked(ready(), stack)


def ready(libraries: Callable[[], Libraries] = Libraries) -> Warm:
    """This process's own process to fork from; a new one begins to import the libraries, and returns at once."""
    with _KEEPING:
        if not (_KEPT and _KEPT[0].may_serve()):
            _KEPT[:] = [Warm(libraries())]
        return _KEPT[0]
