"""Processes: unique identities, and killing a process with all its descendants."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# the environment variable that names the step's process to everything that the step starts
ATTEMPT = "COUNTERPOINT_ATTEMPT"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_STATE, _PARENT, _SESSION, _STARTED = 0, 1, 3, 19
_ROUNDS = 20
# seconds until a server listens, on a busy machine
_LISTENS_WITHIN, _CONNECT_SECONDS, _POLL_SECONDS = 120.0, 5.0, 0.1
# loaded before any fork, because nothing can be loaded between a fork and its exec
_LINUX: bool = sys.platform == "linux"
_LIBC = ctypes.CDLL(None) if _LINUX else None


@dataclass(frozen=True, slots=True)
class ProcessId:
    """The identity of a process; ids alone are reused after its end, and start times after a reboot."""

    pid: int
    started: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """The identity of a running process; an ended process gets a start time that no process has."""
        return cls(pid, started_at(pid) or "never", boot())

    @classmethod
    def parse(cls, text: str) -> ProcessId:
        """The identity from its text form."""
        pid, started, boot = text.split(".")
        return cls(int(pid), started, boot)

    @property
    def lives(self) -> bool:
        """Whether this process, not another with the same id, still runs."""
        return self.boot == boot() and started_at(self.pid) == self.started

    def __str__(self) -> str:
        """The identity as one word, for an environment variable."""
        return f"{self.pid}.{self.started}.{self.boot}"


@cache
def boot() -> str:
    """The id of the machine's present boot; empty if unknown."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def started_at(pid: int) -> str | None:
    """The start time of a process, by a clock that cannot be set; None if it has ended."""
    if _LINUX:
        stat = _stat(pid)
        return None if not stat or stat[_STATE] in "ZX" else stat[_STARTED]
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    return None


def _stat(pid: int) -> list[str]:
    """The fields of a process's `/proc` stat from its state on; empty if it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return []


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """A function that a new process calls first, so that the system sends it a signal when its parent dies."""
    parent = os.getpid()

    def arrange() -> None:
        _prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # the parent was killed while this process was starting
            os.kill(os.getpid(), number)

    return arrange


def adopt_orphans() -> None:
    """Makes this process the parent of its orphaned descendants."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if _LIBC:
        _LIBC.prctl(option, value)


def descendants(pid: int) -> set[int]:
    """All descendants of a process whose ancestors up to it are still running."""
    parents: dict[int, list[int]] = {}
    for child_pid, stat in _all():
        parents.setdefault(int(stat[_PARENT]), []).append(child_pid)
    pids: set[int] = set()
    pending = [pid]
    while pending:
        children = [child for child in parents.get(pending.pop(), ()) if child not in pids]
        pids.update(children)
        pending += children
    return pids


def _all() -> Iterator[tuple[int, list[str]]]:
    """Every running process, with the fields of its stat."""
    for folder in Path("/proc").glob("[0-9]*"):
        stat = _stat(int(folder.name))
        if stat and stat[_STATE] not in "ZX":
            yield int(folder.name), stat


def end_step(process: ProcessId) -> None:
    """Kills the process of a step and everything that it has started, even if the process itself has ended.

    Descendants are found by parent, by session, and by the variable in their environment: a program that changes one
    of them is still found by the others.
    """
    if not _LINUX:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return
    for _ in range(_ROUNDS):
        # first the step itself, which could start further processes
        pids = [process.pid] if process.lives else []
        pids += sorted(descendants(process.pid) if pids else ())
        pids += [pid for pid, stat in _all() if pid not in pids and _belongs(pid, stat, process)]
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not pids:
            return


def _belongs(pid: int, stat: list[str], step: ProcessId) -> bool:
    """Whether the step started a process; its session counts only while no other process has the step's id."""
    if pid == os.getpid():
        return False
    is_session = int(stat[_SESSION]) == step.pid and started_at(step.pid) in {None, step.started}
    return is_session or f"{ATTEMPT}={step}".encode() in _environment(pid)


def _environment(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


def await_listener(family: int, place: Any) -> None:
    """Waits up to two minutes until a server listens at an address; raises no error if none does."""
    deadline = time.monotonic() + _LISTENS_WITHIN
    while time.monotonic() < deadline:
        with suppress(OSError), socket.socket(family) as probe:
            probe.settimeout(_CONNECT_SECONDS)
            probe.connect(place)
            return
        time.sleep(_POLL_SECONDS)
