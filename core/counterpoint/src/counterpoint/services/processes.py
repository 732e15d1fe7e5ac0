"""The processes of a service, found by a mark: ended, and measured."""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

import psutil

from counterpoint.processes import boot, started_at
from counterpoint.service_environment import SITE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

# in the environment of every process of a service environment: its home; SITE is its identity
MARK = "COUNTERPOINT_SERVICE"


def of_target(target: str, home: str, sessions: Collection[int]) -> list[psutil.Process]:
    """All living processes of a service environment, by its identity.

    Of what has written a title over its environment, as Airflow's idle workers do, those that work in the target's home
    and were begun in the session of one of these, or in one of `sessions`, which the guardian has begun.
    """
    known = living(SITE, target)
    leaders = {process.pid for process in known}.union(sessions)

    def belongs(process: psutil.Process) -> bool:
        return not process.environ() and process.cwd() == home and os.getsid(process.pid) in leaders

    return known + [process for process in _those(belongs) if process not in known]


def living(variable: str, value: str) -> list[psutil.Process]:
    """All living processes whose environment says so, this one left out."""
    return _those(lambda process: process.environ().get(variable) == value)


def by_number(numbers: Iterable[int]) -> list[psutil.Process]:
    """Those of some processes that still run."""
    found = []
    for number in numbers:
        with suppress(psutil.Error):
            found.append(psutil.Process(number))
    return found


def marked(mark: str, variable: str = MARK) -> list[psutil.Process]:
    """All living processes whose environment carries a mark, this one left out: to be measured, not to be ended.

    What gives itself a title writes it over its environment, as Airflow's idle workers do: those of a service are known
    by the folder that they work in, for that is its mark.
    """

    def belongs(process: psutil.Process) -> bool:
        environment = process.environ()
        return environment.get(variable) == mark or (not environment and variable == MARK and process.cwd() == mark)

    return _those(belongs)


def in_session(leader: int) -> list[psutil.Process]:
    """All living processes of the session that a process has begun, also when it is gone itself."""
    return _those(lambda process: os.getsid(process.pid) == leader)


def _those(belongs: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if process.pid != os.getpid() and belongs(process):
                found.append(process)
    return found


def end_all(processes: Iterable[psutil.Process]) -> None:
    """Kills processes and waits until they are gone; each is known by its start, too."""
    processes = list(processes)
    for process in processes:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(processes, timeout=5)


@dataclass(frozen=True)
class Owner:
    """The process that a command runs in: it may be asked later, also by another process, whether it still lives.

    `machine` tells the boot and the space of process ids that `pid` belongs to: a host's name tells neither, for
    containers share names, and get new ones. `started` is by a clock that nobody sets; 0 where it is not known.
    """

    host: str
    pid: int
    started: float
    machine: str = ""

    @classmethod
    def here(cls) -> Owner:
        """This process."""
        return cls(socket.gethostname(), os.getpid(), _started(os.getpid()) or 0.0, _machine())

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def is_known(self) -> bool:
        """Whether this machine can tell if it lives: its process ids are those of here."""
        return bool(self.started) and self.machine == _machine()

    @property
    def lives(self) -> bool:
        """Whether it still runs, a zombie does not; one that is not known here is believed to."""
        return not self.is_known or _started(self.pid) == self.started or _is_hidden(self.pid)


def _is_hidden(pid: int) -> bool:
    """Whether there is a process of another user that this one may not look at (`hidepid`)."""
    if Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _started(pid: int) -> float | None:
    """When a process started, or None for one that is gone, a zombie, or not to be seen."""
    started = started_at(pid)
    return None if started is None else float(started)


@cache
def _machine() -> str:
    """This boot and this space of process ids; where the system does not tell, the network card's address."""
    with suppress(OSError):
        if boot():
            return f"{boot()} {Path('/proc/self/ns/pid').readlink()}"
    return f"node {uuid.getnode():x}"


@dataclass(frozen=True, slots=True)
class Usage:
    """What processes used: CPU seconds with all children that have ended, PSS in bytes, their number."""

    cpu_seconds: float
    memory: int
    processes: int


def usage(processes: list[psutil.Process], *, memory: bool = True) -> Usage:
    """The usage of living processes; one that ends meanwhile is left out."""
    cpu, held, count = 0.0, 0, 0
    for process in processes:
        try:
            times = process.cpu_times()
            cpu += times.user + times.system + times.children_user + times.children_system
            held += _pss(process) if memory else 0
            count += 1
        except psutil.Error:
            continue
    return Usage(cpu, held, count)


def own_cpu(processes: list[psutil.Process]) -> dict[tuple[int, float], float]:
    """The CPU seconds of each living process without its children, by process id and start."""
    found = {}
    for process in processes:
        try:
            times = process.cpu_times()
            found[process.pid, process.create_time()] = times.user + times.system
        except psutil.Error:
            continue
    return found


def _pss(process: psutil.Process) -> int:
    full = process.memory_full_info()
    return int(getattr(full, "pss", full.rss))


class PeakMeter:
    """Samples the usage of marked processes until it is left; keeps the highest memory and number."""

    def __init__(self, mark: str, variable: str = MARK, every: float = 1.0) -> None:
        self.mark, self.variable, self.every = mark, variable, every
        self.peak = 0
        self.most = 0
        self._cpu: dict[tuple[int, float], float] = {}
        self._stop = Event()
        self._thread = Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._stop.wait(self.every):
            processes = marked(self.mark, self.variable)
            seen = usage(processes)
            self.peak, self.most = max(self.peak, seen.memory), max(self.most, seen.processes)
            self._cpu |= own_cpu(processes)

    @property
    def cpu(self) -> float:
        """CPU seconds of all processes that were ever seen, each as it was seen last."""
        return sum(self._cpu.values())

    def cpu_since(self, before: dict[tuple[int, float], float]) -> float:
        """CPU seconds since `own_cpu` was `before`, of all processes that were seen, also of those that are gone."""
        self._cpu |= own_cpu(marked(self.mark, self.variable))
        return sum(max(0.0, seconds - before.get(process, 0.0)) for process, seconds in self._cpu.items())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
