"""Processes: known by more than their number, and ended with all that they have started."""

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

# names the process of the step that a program belongs to, in the environment of everything that a step starts
ATTEMPT = "COUNTERPOINT_ATTEMPT"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_STATE, _PARENT, _SESSION, _STARTED = 0, 1, 3, 19
_ROUNDS = 20
# seconds until a server listens, on a machine with much else to do
_LISTENS_WITHIN, _LOOK_SECONDS, _LOOK_AGAIN = 120.0, 5.0, 0.1
# found before anything is forked, for nothing can be loaded between a fork and the program that it becomes
_LINUX: bool = sys.platform == "linux"
_LIBC = ctypes.CDLL(None) if _LINUX else None


@dataclass(frozen=True, slots=True)
class ProcessId:
    """Which process it is: its number is another's after its end, its start another's after the machine's restart."""

    pid: int
    started: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """The identity of a process that runs; one that is gone is given a start that no process has."""
        return cls(pid, started_at(pid) or "never", boot())

    @classmethod
    def parse(cls, text: str) -> ProcessId:
        """The identity that was written as one word."""
        pid, started, boot = text.split(".")
        return cls(int(pid), started, boot)

    @property
    def lives(self) -> bool:
        """Whether that process, and not another one of its number, still runs."""
        return self.boot == boot() and started_at(self.pid) == self.started

    def __str__(self) -> str:
        """One word, as it stands in an environment."""
        return f"{self.pid}.{self.started}.{self.boot}"


@cache
def boot() -> str:
    """What changes when the machine is started again."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def started_at(pid: int) -> str | None:
    """When a process began, in a clock that nobody can turn; None when it has ended."""
    if _LINUX:
        stat = _stat(pid)
        return None if not stat or stat[_STATE] in "ZX" else stat[_STARTED]
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    return None


def _stat(pid: int) -> list[str]:
    """What the system says of a process, from its state on; nothing of one that is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return []


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """What a new process runs first so that the system sends it a signal when the process that started it dies."""
    parent = os.getpid()

    def arrange() -> None:
        _prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it was killed while this process was starting
            os.kill(os.getpid(), number)

    return arrange


def adopt_orphans() -> None:
    """Makes this process the parent of what its children have started and left behind."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if _LIBC:
        _LIBC.prctl(option, value)


def descendants(pid: int) -> set[int]:
    """All that a process has started and what that has started, as far as the parents between them live."""
    parents: dict[int, list[int]] = {}
    for other, stat in _all():
        parents.setdefault(int(stat[_PARENT]), []).append(other)
    found: set[int] = set()
    todo = [pid]
    while todo:
        children = [child for child in parents.get(todo.pop(), ()) if child not in found]
        found.update(children)
        todo += children
    return found


def _all() -> Iterator[tuple[int, list[str]]]:
    """Every process that runs, with what the system says of it."""
    for folder in Path("/proc").glob("[0-9]*"):
        stat = _stat(int(folder.name))
        if stat and stat[_STATE] not in "ZX":
            yield int(folder.name), stat


def end_step(process: ProcessId) -> None:
    """Kills the process of a step with all that it has started, also when it is gone itself.

    What it has started is known by its parents, by its session, and by the mark in its environment: a program that
    leaves one of these behind is found by another.
    """
    if not _LINUX:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return
    for _ in range(_ROUNDS):
        # first the step itself, which could start more
        found = [process.pid] if process.lives else []
        found += sorted(descendants(process.pid) if found else ())
        found += [pid for pid, stat in _all() if pid not in found and _belongs(pid, stat, process)]
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def _belongs(pid: int, stat: list[str], step: ProcessId) -> bool:
    """Whether the step started a process; its session is another's once a process of its number has begun since."""
    if pid == os.getpid():
        return False
    own = int(stat[_SESSION]) == step.pid and started_at(step.pid) in {None, step.started}
    return own or f"{ATTEMPT}={step}".encode() in _environment(pid)


def _environment(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


def await_listener(family: int, place: Any) -> None:
    """Returns when something listens at an address; after two minutes also when nothing does: others will tell."""
    end = time.monotonic() + _LISTENS_WITHIN
    while time.monotonic() < end:
        with suppress(OSError), socket.socket(family) as probe:
            probe.settimeout(_LOOK_SECONDS)
            probe.connect(place)
            return
        time.sleep(_LOOK_AGAIN)
