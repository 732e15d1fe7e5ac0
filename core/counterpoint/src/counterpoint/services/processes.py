"""Finds the processes of a service by a mark, to end and to measure them."""

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

    Airflow's idle workers, for example, overwrite their environment with a title. Such a process belongs to the target
    if it works in the target's home, and its session is that of another process of the target or one of `sessions`,
    which the guardian has started.
    """
    known = living(SITE, target)
    leaders = {process.pid for process in known}.union(sessions)

    def belongs(process: psutil.Process) -> bool:
        return not process.environ() and process.cwd() == home and os.getsid(process.pid) in leaders

    return known + [process for process in _matching(belongs) if process not in known]


def living(variable: str, value: str) -> list[psutil.Process]:
    """All living processes with a variable of this value in their environment, except this one."""
    return _matching(lambda process: process.environ().get(variable) == value)


def by_number(numbers: Iterable[int]) -> list[psutil.Process]:
    """The processes with these ids that still run."""
    processes = []
    for number in numbers:
        with suppress(psutil.Error):
            processes.append(psutil.Process(number))
    return processes


def marked(mark: str, variable: str = MARK) -> list[psutil.Process]:
    """All living processes whose environment carries a mark, except this one; for measuring, not for ending them.

    Airflow's idle workers, for example, overwrite their environment with a title. Such a process of a service is
    recognized by its working folder, which is the service's mark.
    """

    def belongs(process: psutil.Process) -> bool:
        environment = process.environ()
        return environment.get(variable) == mark or (not environment and variable == MARK and process.cwd() == mark)

    return _matching(belongs)


def in_session(leader: int) -> list[psutil.Process]:
    """All living processes of the session that a process has started, also after that process has ended."""
    return _matching(lambda process: os.getsid(process.pid) == leader)


def _matching(belongs: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if process.pid != os.getpid() and belongs(process):
                processes.append(process)
    return processes


def end_all(processes: Iterable[psutil.Process]) -> None:
    """Kills processes and waits until they are gone; psutil compares the start time, so a reused id is safe."""
    processes = list(processes)
    for process in processes:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(processes, timeout=5)


@dataclass(frozen=True)
class Owner:
    """The process of a command; any process can later check whether it still lives.

    `machine` identifies the boot and the process id namespace of `pid`; a host name does not, because containers share
    names and get new ones. `started` is by a clock that cannot be set; 0 where it is not known.
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
        """Whether the process belongs to this machine and process id namespace, so that its state can be checked."""
        return bool(self.started) and self.machine == _machine()

    @property
    def lives(self) -> bool:
        """Whether it still runs (a zombie does not); a process that cannot be checked here counts as running."""
        return not self.is_known or _started(self.pid) == self.started or _is_hidden(self.pid)


def _is_hidden(pid: int) -> bool:
    """Whether the id belongs to a process of another user that is hidden from this one (`hidepid`)."""
    if Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _started(pid: int) -> float | None:
    """When a process started; None for a process that is gone, hidden or a zombie."""
    started = started_at(pid)
    return None if started is None else float(started)


@cache
def _machine() -> str:
    """This boot and process id namespace; where the system does not tell them, the network card's address."""
    with suppress(OSError):
        if boot():
            return f"{boot()} {Path('/proc/self/ns/pid').readlink()}"
    return f"node {uuid.getnode():x}"


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of processes: CPU seconds including ended children, PSS in bytes, and their number."""

    cpu_seconds: float
    memory: int
    processes: int


def usage(processes: list[psutil.Process], *, memory: bool = True) -> Usage:
    """The usage of living processes; a process that ends meanwhile is left out."""
    cpu, pss, count = 0.0, 0, 0
    for process in processes:
        try:
            times = process.cpu_times()
            cpu += times.user + times.system + times.children_user + times.children_system
            pss += _pss(process) if memory else 0
            count += 1
        except psutil.Error:
            continue
    return Usage(cpu, pss, count)


def own_cpu(processes: list[psutil.Process]) -> dict[tuple[int, float], float]:
    """The CPU seconds of each living process without its children, by process id and start."""
    seconds = {}
    for process in processes:
        try:
            times = process.cpu_times()
            seconds[process.pid, process.create_time()] = times.user + times.system
        except psutil.Error:
            continue
    return seconds


def _pss(process: psutil.Process) -> int:
    full = process.memory_full_info()
    return int(getattr(full, "pss", full.rss))


class PeakMeter:
    """Samples the usage of marked processes while it is entered; keeps the highest memory and number."""

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
            current = usage(processes)
            self.peak, self.most = max(self.peak, current.memory), max(self.most, current.processes)
            self._cpu |= own_cpu(processes)

    @property
    def cpu(self) -> float:
        """The CPU seconds of all sampled processes, each by its last sample."""
        return sum(self._cpu.values())

    def cpu_since(self, before: dict[tuple[int, float], float]) -> float:
        """The CPU seconds of all sampled processes since `own_cpu` returned `before`, including ended processes."""
        self._cpu |= own_cpu(marked(self.mark, self.variable))
        return sum(max(0.0, seconds - before.get(process, 0.0)) for process, seconds in self._cpu.items())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
