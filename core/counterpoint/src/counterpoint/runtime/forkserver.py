"""The process that steps are forked from: it has imported what steps need, and never runs one itself.

Two kinds: one serves the process that started it, by a pair of sockets; the other is the service `steps` of a target,
which serves all of its processes by a socket in its folder. Either imports a library (`libraries.PRELOADED`) as
soon as a step was seen to use it, so that the next step finds it; the first kind also what an earlier run has
seen.

Libraries with threads of their own must not be forked while one of these holds a lock. Those that are preloaded start
none when they are imported but such as sleep until there is work (`ASLEEP`), and no work is ever done here; this is
looked at after each import, and where it is not so, no step is forked any more.
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
# all that a step needs which is no library with threads
IMPORTED = (
    "counterpoint.runtime.subprocess_executor",
    "counterpoint.runtime.execute",
    "counterpoint.runtime.logs",
    "obstore.store",
)
# how many come with an order
DESCRIPTORS = 3
# how often it looks whether its parent is there, should some other process hold the socket to it open
_LOOK_SECONDS = 2.0
_ORDER_SECONDS = 5.0


def serve(parent: str, first: str, later: str) -> Callable[[], int]:
    """Forks a process for each order on standard input, until that ends or `parent` does; returns in the forks only.

    Libraries are separated by commas: those that are imported before the first order, and those after.
    """
    orders = socket.socket(fileno=0)

    def received() -> list[int] | None:
        order, given, _, _ = socket.recv_fds(orders, 1, DESCRIPTORS)
        return given if order else None

    template = Template(int(parent), orders, received)
    template.wanted += filter(None, later.split(","))
    return template.run(filter(None, first.split(",")))


def listen(
    place: str, main: Callable[[socket.socket, int], int] | None = None, first: Iterable[str] = ()
) -> Callable[[], int]:
    """The same for every process that finds the socket at `place`, until SIGTERM; a step ends with who asked for it.

    Other than steps are forked when their `main` is given, with the modules that they need `first`.
    """
    path = Path(place)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    path.unlink(missing_ok=True)
    orders, mask = socket.socket(socket.AF_UNIX), os.umask(0o177)
    orders.bind(address(folder, path.name))
    os.umask(mask)
    orders.listen(128)

    def received() -> list[int]:
        with suppress(OSError), orders.accept()[0] as asking:
            if not _same_user(asking):
                return []
            asking.settimeout(_ORDER_SECONDS)
            return socket.recv_fds(asking, 1, DESCRIPTORS)[1]
        return []

    template = Template(os.getppid(), orders, received)
    template.shared = path
    template.main = main or template.main
    signal.signal(signal.SIGTERM, template.stop)
    return template.run(first)


def _same_user(asking: socket.socket) -> bool:
    """Whether this user's process asks (or root's): the mode of a socket does not count on every file system.

    Source: unix(7), `SO_PEERCRED`: the process, user and group that connected.
    """
    credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", credentials)[1] in (os.geteuid(), 0)


class Template:
    """Forks for the orders that are `received`: None says that there will be no more."""

    def __init__(self, parent: int, orders: socket.socket, received: Callable[[], list[int] | None]) -> None:
        self.parent, self.orders, self.received = parent, orders, received
        self.running: dict[int, tuple[ProcessId, socket.socket]] = {}
        self.wanted: list[str] = []
        # where others find the socket; a fork is then killed when who asked for it has closed its own
        self.shared: Path | None = None
        self.ending = False
        self.main: Callable[[socket.socket, int], int] = _execute_attempt
        self.poll = select.poll()
        self.woken, self.waker = socket.socketpair()
        self.heard, self.tells = os.pipe()

    def stop(self, *_: object) -> None:
        """Ends when nothing runs any more."""
        self.ending = True

    def run(self, first: Iterable[str] = ()) -> Callable[[], int]:
        """Imports the `first` libraries before it forks anything; returns in the forks only: what they are to do."""
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
            begun = self._turn()
            if begun:
                return begun
        return self._leave()

    def _leave(self) -> NoReturn:
        for process, _ in self.running.values():
            end_step(process)
        os._exit(0)

    def _turn(self) -> Callable[[], int] | None:
        """Does what is to be done now, else imports what a step was seen to use; what to do, in a fork only."""
        ready = dict(self.poll.poll(0 if self.wanted else _LOOK_SECONDS * 1000))
        if self.woken.fileno() in ready:
            self.woken.recv(1 << 12)
        self._tell_of_the_ended()
        if self.heard in ready:
            names = os.read(self.heard, 1 << 12).decode().split()
            self.wanted += [name for name in dict.fromkeys(names) if name not in {*sys.modules, *self.wanted}]
        if self.orders.fileno() in ready:
            given = self.received()
            if given is None:
                self._leave()
            if len(given) == DESCRIPTORS:
                return self._answer(given)
        self._end_the_forsaken(ready)
        if not ready and self.wanted:
            self._import(self.wanted.pop(0))
        return None

    def _import(self, name: str) -> None:
        with suppress(Exception):  # the step that needs it will tell
            importlib.import_module(name)
        _settle()
        if awake := threads() - ASLEEP:
            told = f"{name} starts threads ({', '.join(sorted(awake))}): no step is forked from here now\n"
            os.write(STDERR, told.encode())
            self.wanted.clear()
            self.poll.unregister(self.orders)
            self.orders.close()
            if self.shared:
                self.shared.unlink(missing_ok=True)
            else:
                self.stop()

    def _answer(self, given: list[int]) -> Callable[[], int] | None:
        arrange = die_with_parent()
        pid = fork(given)
        if pid == 0:
            for end in (self.woken, self.waker, *(told for _, told in self.running.values())):
                end.close()
            os.close(self.heard)
            asking = begun(arrange, self.orders.detach(), self.tells, given)
            return lambda: leave(self.main(asking, self.tells))
        if pid:
            told = socket.socket(fileno=given[0])
            self.running[pid] = ProcessId.of(pid), told
            if self.shared:
                self.poll.register(told, 0)
        return None

    def _tell_of_the_ended(self) -> None:
        while self.running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            process, told = self.running.pop(pid)
            if status:  # what a step that ended well has left running, it has left on purpose
                end_step(process)
            with told, suppress(OSError):
                if self.shared:
                    self.poll.unregister(told)
                told.sendall(f"exit {os.waitstatus_to_exitcode(status)}\n".encode())

    def _end_the_forsaken(self, ready: dict[int, int]) -> None:
        for process, told in self.running.values():
            if ready.get(told.fileno(), 0) & (select.POLLHUP | select.POLLERR):
                end_step(process)


def _settle() -> None:
    gc.collect()
    gc.freeze()


def threads() -> set[str]:
    """The names of this process's threads, without the main one and those that bear its name."""
    own = Path(f"/proc/self/task/{os.getpid()}/comm")
    names = {thread.name for thread in threading.enumerate()} - {threading.main_thread().name}
    for task in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # it has ended meanwhile
            names.add(task.read_text().strip())
    return names - {own.read_text().strip()} if own.exists() else names


def fork(given: list[int]) -> int | None:
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


def _execute_attempt(asking: socket.socket, tells: int) -> int:
    from counterpoint.runtime.subprocess_executor import main

    return main(asking, tells)


def begun(arrange: Callable[[], None], orders: int, tells: int, given: list[int]) -> socket.socket:
    """Makes a forked process one of its own, which ends as is arranged; where it is told what to do."""
    told, stderr, stack = given
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
    for descriptor in (told, stack, tells):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - so it is called
    faulthandler.register(signal.SIGUSR1, stack, all_threads=False)
    if "numpy" in sys.modules:  # a new interpreter draws other numbers each time
        sys.modules["numpy"].random.seed()
    asking = socket.socket(fileno=told)
    asking.sendall(f"process {ProcessId.of(os.getpid())}\n".encode())
    return asking


def leave(code: int) -> NoReturn:
    """Ends a fork as an interpreter ends, but does not take its modules apart: that would copy all that it shares."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
    atexit._run_exitfuncs()  # noqa: SLF001 - what libraries and steps have registered
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
