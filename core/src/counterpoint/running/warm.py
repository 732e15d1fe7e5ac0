"""Processes of steps, forked from one that has imported Counterpoint and no library that starts threads.

A new interpreter with these imports costs 0.2 CPU seconds, a fork of one a tenth of it. The process that is forked
never runs a step, so that each step's process begins as if it were new. It is of one thread: libraries with threads
of their own (Polars, PyTorch) must not be forked, and are imported by the step's process when it needs them.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import importlib
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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# the descriptor, for sys.stderr may be something that has none
_STDERR = 2
# Polars allocates by jemalloc, an arena a thread: two arenas save a third of the memory and cost nothing here
ALLOCATOR = "narenas:2"
# all that a step needs which is no library with threads
_IMPORTED = ("counterpoint.running.child", "counterpoint.running.execute", "counterpoint.running.logs", "obstore.store")
_SERVE = "import sys; from counterpoint.running.warm import serve; sys.exit(serve(int(sys.argv[1]))())"
# how often it looks whether its parent is there, should some other process hold the socket to it open
_LOOK_SECONDS = 2.0


class Forked:
    """A process of a step, in a session of its own; `pid` and `returncode` as those of `subprocess.Popen`."""

    def __init__(self, warm: Warm, stack: int) -> None:
        self._warm, self._heard = warm, b""
        self.returncode: int | None = None
        self._told, theirs = socket.socketpair()
        with theirs, suppress(ConnectionError):  # it is gone: nothing will be heard
            socket.send_fds(warm.orders, [b"."], [theirs.fileno(), _STDERR, stack])
        self.pid = int(self._hear("pid") or 0)

    def ask(self, question: bytes, timeout: float | None) -> Any:
        """Feeds the process and waits for its end, at most `timeout` seconds; what it answered, None for nothing.

        Raises:
            TimeoutError: it has not ended by then.
        """
        with suppress(ConnectionError):  # it was killed before it had read all
            self._told.sendall(question)
            self._told.shutdown(socket.SHUT_WR)
        self._wait(timeout)
        answer = self._hear("answer")
        return None if answer is None else json.loads(answer)

    def _wait(self, timeout: float | None) -> None:
        code = self._hear("exit", timeout)
        self.returncode = self._warm.returncode() if code is None else int(code)

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
        if self.returncode is None and self.pid:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kills it, and returns when it has ended."""
        self.kill()
        if self.returncode is None:
            self._wait(None)
        self._told.close()


class Warm:
    """A process to fork from. It ends with this object, or with this process; what was forked from it ends with it."""

    def __init__(self) -> None:
        self.made_for = _surroundings()
        self.orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=_STDERR,
                env={"_RJEM_MALLOC_CONF": ALLOCATOR, **os.environ},
                start_new_session=True,
            )
        weakref.finalize(self, _end, self._process, self.orders)

    def returncode(self) -> int:
        """Waits for its end."""
        return self._process.wait()

    def may_serve(self) -> bool:
        """Whether it lives and a new interpreter would begin as it did."""
        return self.made_for == _surroundings() and self._process.poll() is None


def _surroundings() -> tuple[Any, ...]:
    return os.getpid(), Path.cwd(), dict(os.environ)


def _end(process: subprocess.Popen[bytes], orders: socket.socket) -> None:
    orders.close()
    process.wait()


_KEPT: list[Warm] = []
_KEEPING = Lock()


def fork(stack: int) -> Forked:
    """A new process that executes an attempt; it writes where its Python code is to `stack` when it gets SIGUSR1."""
    with _KEEPING:
        if not (_KEPT and _KEPT[0].may_serve()):
            _KEPT[:] = [Warm()]
        warm = _KEPT[0]
    return Forked(warm, stack)


def serve(parent: int) -> Callable[[], int]:
    """Forks a process for each order on standard input, until that ends or `parent` does; returns in the forks only.

    An order is a byte with three descriptors: a socket, the standard error, and a file for stacks. On the socket stand
    the id of the process, its answer, and then from here how it ended: each in a line.
    """
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    orders, running, own = socket.socket(fileno=0), dict[int, socket.socket](), os.getpid()
    woken, waker = socket.socketpair()
    for end in (woken, waker):
        end.setblocking(False)  # noqa: FBT003 - its only parameter
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    while os.getppid() == parent:
        ready, _, _ = select.select([orders, woken], [], [], _LOOK_SECONDS)
        if woken in ready:
            woken.recv(1 << 12)
            _tell_of_the_ended(running)
        if orders in ready:
            order, given, _, _ = socket.recv_fds(orders, 1, 3)
            if not order:
                break
            pid = _fork(given)
            if pid == 0:
                for end in (woken, waker, *running.values()):
                    end.close()
                return _begun(own, orders.detach(), *given)
            if pid:
                running[pid] = socket.socket(fileno=given[0])
    os._exit(0)


def _fork(given: list[int]) -> int | None:
    """The id of a new process, 0 in that process; None when the system has no room for one, which is told."""
    try:
        pid = os.fork()
    except OSError as error:
        os.write(given[1], f"no process can be started for a step: {error}\n".encode())
        os.write(given[0], b"exit 1\n")
        os.close(given[0])
        pid = None
    if pid != 0:
        for descriptor in given[1:]:
            os.close(descriptor)
    return pid


def _tell_of_the_ended(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as told, suppress(ConnectionError):
            told.sendall(f"exit {os.waitstatus_to_exitcode(status)}\n".encode())


def _begun(parent: int, orders: int, told: int, stderr: int, stack: int) -> Callable[[], int]:
    """Makes a forked process one of its own; what it is to do then."""
    from counterpoint.running.child import main

    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _die_with(parent)
    os.dup2(stderr, _STDERR)
    os.dup2(stderr, 1)
    os.close(stderr)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, orders)
    os.close(nothing)
    for descriptor in (told, stack):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - so it is called
    faulthandler.register(signal.SIGUSR1, stack, all_threads=False)
    asking = socket.socket(fileno=told)
    asking.sendall(f"pid {os.getpid()}\n".encode())
    return lambda: main(asking)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed while this process was starting
        os.kill(os.getpid(), signal.SIGKILL)
