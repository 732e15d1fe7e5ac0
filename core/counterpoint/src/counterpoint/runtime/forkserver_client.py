"""Processes of steps, forked from a process that has imported what they need (`forkserver`).

A new interpreter costs 0.2 CPU seconds for Counterpoint's imports and up to 8 for those of Polars, pandera, PyTorch and
MLflow; a fork of a process that has them costs 0.03. The fork server never runs a step, so each step's process begins
as if it were new. If a target's service `steps` runs, it forks the steps; elsewhere each process has its own server.
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
    from collections.abc import Callable, Mapping

# the environment variable that gives a service environment's processes the socket of its service `steps`
STEPS = "COUNTERPOINT_STEPS"
# Polars allocates with jemalloc, one arena per thread: two arenas save a third of the memory at no cost here
ALLOCATOR = "narenas:2"
# variables that an orchestrator sets for each task, and that no library reads on import
_TASK_VARIABLES = ("AIRFLOW_CTX_", "__AIRFLOW_")
_SERVE = "import sys; from counterpoint.runtime.forkserver import serve; sys.exit(serve(*sys.argv[1:])())"
_LISTEN = "import sys; from counterpoint.runtime.forkserver import listen; sys.exit(listen(sys.argv[1])())"


class Libraries(NamedTuple):
    """What a fork server imports: the `first` before any fork, the `later` between forks."""

    first: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


class Origin(Protocol):
    """What processes of steps are forked from."""

    @property
    def orders(self) -> socket.socket: ...  # noqa: D102 - the socket that orders are sent to

    def returncode(self) -> int:
        """The exit code of a process whose end was not reported."""


class Forked:
    """A process of a step, in a session of its own; `pid` and `returncode` as those of `subprocess.Popen`."""

    def __init__(self, origin: Origin, stack: int, variables: Mapping[str, str] | None = None) -> None:
        self._origin, self._heard, self._variables = origin, b"", variables or {}
        self.returncode: int | None = None
        self._connection, theirs = socket.socketpair()
        with theirs, suppress(ConnectionError):  # the server is gone: nothing will be received
            socket.send_fds(origin.orders, [ORDER], [theirs.fileno(), STDERR, stack])
        identity = self._receive("process")
        self._process = ProcessId.parse(identity) if identity else None
        self.pid = self._process.pid if self._process else 0

    def ask(self, question: bytes, timeout: float | None) -> Any:
        """Sends the process its question, waits for its end and returns its answer, or None if it gave none.

        Args:
            question: The encoded attempt.
            timeout: The seconds to wait at most; None for no limit.

        Raises:
            TimeoutError: The process has not ended by then.
        """
        with suppress(ConnectionError):  # it was killed before it had read all
            self._connection.sendall(json.dumps(_surroundings(self._variables)).encode() + b"\n" + question)
            self._connection.shutdown(socket.SHUT_WR)
        self._wait(timeout)
        answer = self._receive("answer")
        return None if answer is None else json.loads(answer)

    def _wait(self, timeout: float | None) -> None:
        code = self._receive("exit", timeout)
        self.returncode = self._origin.returncode() if code is None else int(code)
        if code is None and self._process:  # the server, which ends the children of its forks, is gone
            end_step(self._process)

    def _receive(self, kind: str, timeout: float | None = None) -> str | None:
        """The rest of the line that begins with `kind`; None when that line will not come any more."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            lines = [
                line.decode().partition(" ") for line in self._heard.splitlines(keepends=True) if line[-1:] == b"\n"
            ]
            messages = {word: text.rstrip("\n") for word, _, text in lines}
            if kind in messages or "exit" in messages:
                return messages.get(kind)
            self._connection.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
            try:
                data = self._connection.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self._heard += data

    def kill(self) -> None:
        """Kills the process, if it runs, with all its children."""
        if self.returncode is None and self._process:
            end_step(self._process)

    def close(self) -> None:
        """Kills the process, and returns when it has ended."""
        self.kill()
        if self.returncode is None and self.pid:
            self._wait(None)
        self._connection.close()


class Warm:
    """A fork server of this process. It ends with this object or with this process, and its forks end with it.

    `variables` are set in its environment beside those of this process.
    """

    def __init__(self, libraries: Libraries, variables: Mapping[str, str] | None = None) -> None:
        self._made_for = _interpreter()
        self.orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _SERVE, str(os.getpid()), *map(",".join, libraries)],
                stdin=theirs.fileno(),
                stdout=STDERR,
                env=_environment(variables or {}),
                start_new_session=True,
            )
        self.end = weakref.finalize(self, _end, self._process, self.orders)

    def returncode(self) -> int:
        """Waits for the server's end; returns its exit code."""
        return self._process.wait()

    def may_serve(self) -> bool:
        """Whether the server lives, takes orders, and has the environment that a new interpreter would have."""
        closed, _, _ = select.select([self.orders], [], [], 0)
        return self._made_for == _interpreter() and self._process.poll() is None and not closed


def _interpreter() -> tuple[Any, ...]:
    """The process and environment; if these differ, a new interpreter might import other modules, or in other ways."""
    return os.getpid(), {name: value for name, value in os.environ.items() if not name.startswith(_TASK_VARIABLES)}


def _surroundings(variables: Mapping[str, str]) -> dict[str, Any]:
    return {"folder": str(Path.cwd()), "environment": _environment(variables), "path": sys.path}


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {"_RJEM_MALLOC_CONF": ALLOCATOR, **os.environ, **variables}


def _end(process: subprocess.Popen[bytes], orders: socket.socket) -> None:
    orders.close()
    process.kill()
    process.wait()


class Service:
    """The service `steps` of this process's service environment, connected for one order."""

    def __init__(self, orders: socket.socket) -> None:
        self.orders = orders

    def returncode(self) -> int:
        """The code of a killed process: the service kills its forks when it ends."""
        return -signal.SIGKILL


def take(surroundings: Any) -> None:
    """Takes over the environment, folder and import path of the process that ordered this one."""
    os.environ.clear()
    os.environ.update(surroundings["environment"])
    os.environ[ATTEMPT] = str(ProcessId.of(os.getpid()))
    os.chdir(surroundings["folder"])
    sys.path[:] = surroundings.get("path", sys.path)


def command_of_service(place: Path) -> list[str]:
    """The command that starts the service `steps`, which listens at `place`."""
    return [sys.executable, "-P", "-c", _LISTEN, str(place)]


def served() -> Service | None:
    """The service `steps` of this process's service environment; None if there is none or it does not answer."""
    place = os.environ.get(STEPS)
    if not place or sys.platform != "linux":
        return None
    try:
        return Service(connected(place))
    except OSError:
        return None


_OWN_SERVER: list[Warm] = []
_OWN_SERVER_LOCK = Lock()


class ForkedApart(Forked):
    """A process that is forked from one which has imported no library, and which ends with it.

    So each library reads the `variables` when the step imports it, and the memory is the step's own.
    """

    def __init__(self, stack: int, variables: Mapping[str, str]) -> None:
        self._only = Warm(Libraries(), variables)
        super().__init__(self._only, stack, variables)

    def close(self) -> None:
        """Kills it and what it was forked from, and returns when both have ended."""
        super().close()
        self._only.end()


def fork(stack: int, libraries: Callable[[], Libraries] = Libraries) -> Forked:
    """A new process that executes an attempt; on SIGUSR1 it writes its Python stack to `stack`.

    Args:
        stack: The descriptor of a file.
        libraries: Returns what to import if a fork server has to be started.
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
    """This process's own fork server; a new one is returned at once, while it still imports the libraries."""
    with _OWN_SERVER_LOCK:
        if not (_OWN_SERVER and _OWN_SERVER[0].may_serve()):
            _OWN_SERVER[:] = [Warm(libraries())]
        return _OWN_SERVER[0]
