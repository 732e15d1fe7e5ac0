"""The process that steps are forked from: it has imported what steps need, and never runs a step itself.

There are two kinds. One serves the process that started it, through a pair of sockets. The other is the service `steps`
of a target, which serves all of the target's processes through a socket in its folder. Both import a library
(`preload_cache.PRELOADED`) as soon as a step has used it, so that it is loaded for the next step; the first kind also
imports what earlier runs have used.

A process must not be forked while a library's thread holds a lock. The preloaded libraries start no threads on import
except threads that sleep until there is work (`ASLEEP`), and no work is done here. This is checked after each import;
if a library starts another thread, no step is forked any more.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from counterpoint.processes import ProcessId, die_with_parent, end_step
from counterpoint.runtime.forkserver_standin import STDERR, address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# jemalloc and OpenBLAS put themselves in order when their process is forked; Polars's removes what it spilled to disk
ASLEEP = frozenset({"jemalloc_bg_thd", "polars-ooc-clea"})
# modules that every step needs, none of which starts threads
IMPORTED = (
    "counterpoint.runtime.subprocess_executor",
    "counterpoint.runtime.execute",
    "counterpoint.runtime.logs",
    "obstore.store",
)
# the number of descriptors that come with an order
DESCRIPTORS = 3
# how often it checks that its parent lives: another process may hold the socket open
_LOOK_SECONDS = 2.0
_ORDER_SECONDS = 5.0


def serve(parent: str, first: str, later: str) -> Callable[[], int]:
    """Forks a process per order on standard input until it closes or `parent` ends; returns in the forks only.

    Args:
        parent: The process id of the parent.
        first: The libraries to import before the first order, separated by commas.
        later: The libraries to import between orders, separated by commas.

    Returns:
        What the fork is to do; it returns the exit code.
    """
    orders = socket.socket(fileno=0)

    def received() -> list[int] | None:
        order, descriptors, _, _ = socket.recv_fds(orders, 1, DESCRIPTORS)
        return descriptors if order else None

    template = Template(int(parent), orders, received)
    template.wanted += filter(None, later.split(","))
    return template.run(filter(None, first.split(",")))


def listen(
    place: str, main: Callable[[socket.socket, int], int] | None = None, first: Iterable[str] = ()
) -> Callable[[], int]:
    """Forks a process per order at the socket `place` until SIGTERM; a fork ends with its client.

    Args:
        place: The path of the socket.
        main: What a fork does, if it is not to execute a step.
        first: The modules to import before the first order.

    Returns:
        What the fork is to do; it returns the exit code.
    """
    path = Path(place)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    path.unlink(missing_ok=True)
    orders, mask = socket.socket(socket.AF_UNIX), os.umask(0o177)
    orders.bind(address(folder, path.name))
    os.umask(mask)
    orders.listen(128)

    def received() -> list[int]:
        with suppress(OSError), orders.accept()[0] as client:
            if not _same_user(client):
                return []
            client.settimeout(_ORDER_SECONDS)
            return socket.recv_fds(client, 1, DESCRIPTORS)[1]
        return []

    template = Template(os.getppid(), orders, received)
    template.shared = path
    template.main = main or template.main
    signal.signal(signal.SIGTERM, template.stop)
    return template.run(first)


def _same_user(client: socket.socket) -> bool:
    """Whether the client is a process of this user or of root: some file systems ignore the mode of a socket.

    Source: unix(7), `SO_PEERCRED`: the process, user and group that connected.
    """
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", credentials)[1] in (os.geteuid(), 0)


class Template:
    """Forks a process for each order that `received` returns; None means that no more orders will come."""

    def __init__(self, parent: int, orders: socket.socket, received: Callable[[], list[int] | None]) -> None:
        self.parent, self.orders, self.received = parent, orders, received
        self.running: dict[int, tuple[ProcessId, socket.socket]] = {}
        self.wanted: list[str] = []
        # the path of a shared socket; a fork is then killed when the process that ordered it closes its end
        self.shared: Path | None = None
        self.ending = False
        self.main: Callable[[socket.socket, int], int] = _execute_attempt
        self.poll = select.poll()
        self.woken, self.waker = socket.socketpair()
        self.heard, self.tells = os.pipe()

    def stop(self, *_: object) -> None:
        """Has the process end once no fork runs."""
        self.ending = True

    def run(self, first: Iterable[str] = ()) -> Callable[[], int]:
        """Imports the `first` libraries, then serves orders; returns in the forks only, with what they are to do."""
        for name in IMPORTED:
            importlib.import_module(name)
        _settle()
        for end in (self.woken, self.waker):
            end.setblocking(False)  # noqa: FBT003 - its only parameter
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.waker.fileno())
        for source in (self.woken.fileno(), self.heard, self.orders.fileno()):
            self.poll.register(source, select.POLLIN)
        for name in first:
            self._import(name)
        while os.getppid() == self.parent and not (self.ending and not self.running):
            fork_main = self._serve_once()
            if fork_main:
                return fork_main
        return self._leave()

    def _leave(self) -> NoReturn:
        for process, _ in self.running.values():
            end_step(process)
        os._exit(0)

    def _serve_once(self) -> Callable[[], int] | None:
        """Handles pending events, else imports one library that steps use; in a fork, returns what it is to do."""
        ready = dict(self.poll.poll(0 if self.wanted else _LOOK_SECONDS * 1000))
        if self.woken.fileno() in ready:
            self.woken.recv(1 << 12)
        self._reap_ended()
        if self.heard in ready:
            names = os.read(self.heard, 1 << 12).decode().split()
            self.wanted += [name for name in dict.fromkeys(names) if name not in {*sys.modules, *self.wanted}]
        if self.orders.fileno() in ready:
            descriptors = self.received()
            if descriptors is None:
                self._leave()
            if len(descriptors) == DESCRIPTORS:
                return self._answer(descriptors)
        self._end_abandoned(ready)
        if not ready and self.wanted:
            self._import(self.wanted.pop(0))
        return None

    def _import(self, name: str) -> None:
        with suppress(Exception):  # the step that needs it reports the error
            importlib.import_module(name)
        _settle()
        if awake := threads() - ASLEEP:
            warning = f"{name} starts threads ({', '.join(sorted(awake))}): no step is forked from here now\n"
            os.write(STDERR, warning.encode())
            self.wanted.clear()
            self.poll.unregister(self.orders)
            self.orders.close()
            if self.shared:
                self.shared.unlink(missing_ok=True)
            else:
                self.stop()

    def _answer(self, descriptors: list[int]) -> Callable[[], int] | None:
        arrange = die_with_parent()
        pid = fork(descriptors)
        if pid == 0:
            for end in (self.woken, self.waker, *(client for _, client in self.running.values())):
                end.close()
            os.close(self.heard)
            connection = begun(arrange, self.orders.detach(), self.tells, descriptors)
            return lambda: leave(self.main(connection, self.tells))
        if pid:
            client = socket.socket(fileno=descriptors[0])
            self.running[pid] = ProcessId.of(pid), client
            if self.shared:
                self.poll.register(client, 0)
        return None

    def _reap_ended(self) -> None:
        while self.running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            process, client = self.running.pop(pid)
            if status:  # what a successful step has left running was left on purpose
                end_step(process)
            with client, suppress(OSError):
                if self.shared:
                    self.poll.unregister(client)
                client.sendall(f"exit {os.waitstatus_to_exitcode(status)}\n".encode())

    def _end_abandoned(self, ready: dict[int, int]) -> None:
        for process, client in self.running.values():
            if ready.get(client.fileno(), 0) & (select.POLLHUP | select.POLLERR):
                end_step(process)


def _settle() -> None:
    gc.collect()
    gc.freeze()


def threads() -> set[str]:
    """The names of this process's threads, except the main thread and those that have its name."""
    own = Path(f"/proc/self/task/{os.getpid()}/comm")
    names = {thread.name for thread in threading.enumerate()} - {threading.main_thread().name}
    for task in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # the thread has ended meanwhile
            names.add(task.read_text().strip())
    return names - {own.read_text().strip()} if own.exists() else names


def fork(descriptors: list[int]) -> int | None:
    """The id of a new process, 0 in that process; None when the system can start none, which the client is told."""
    try:
        pid = os.fork()
    except OSError as error:
        os.write(descriptors[1], f"no process can be started for a step: {error}\n".encode())
        os.write(descriptors[0], b"exit 1\n")
        os.close(descriptors[0])
        pid = None
    if pid != 0:
        for descriptor in descriptors[1:]:
            os.close(descriptor)
    return pid


def _execute_attempt(asking: socket.socket, tells: int) -> int:
    from counterpoint.runtime.subprocess_executor import main

    return main(asking, tells)


def begun(arrange: Callable[[], None], orders: int, tells: int, descriptors: list[int]) -> socket.socket:
    """Detaches a fork from the process it was forked from; returns the connection that tells it what to do."""
    client, stderr, stack = descriptors
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    arrange()
    os.dup2(stderr, STDERR)
    os.dup2(stderr, 1)
    os.close(stderr)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, orders)
    os.close(nothing)
    for descriptor in (client, stack, tells):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - so it is called
    faulthandler.register(signal.SIGUSR1, stack, all_threads=False)
    if "numpy" in sys.modules:  # as in a new interpreter, each process draws other random numbers
        sys.modules["numpy"].random.seed()
    connection = socket.socket(fileno=client)
    connection.sendall(f"process {ProcessId.of(os.getpid())}\n".encode())
    return connection


def leave(code: int) -> NoReturn:
    """Ends a fork as an interpreter ends, but without tearing down modules, which would copy all shared memory."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
    atexit._run_exitfuncs()  # noqa: SLF001 - what libraries and steps have registered
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
