"""The processes of a service, found by a mark: ended, and measured."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "COUNTERPOINT_SERVICE"


def marked(mark: str, variable: str = MARK) -> list[psutil.Process]:
    """All living processes whose environment carries a mark, this one left out.

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


def end_all(processes: list[psutil.Process]) -> None:
    """Kills processes and waits until they are gone."""
    for process in processes:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(processes, timeout=5)


@dataclass(frozen=True)
class Owner:
    """The process that a command runs in: it may be asked later, also by another process, whether it still lives."""

    host: str
    pid: int
    started: float

    @classmethod
    def here(cls) -> Owner:
        """This process."""
        return cls(socket.gethostname(), os.getpid(), psutil.Process().create_time())

    @property
    def lives(self) -> bool:
        """Whether it still runs; one on another machine is believed to."""
        if self.host != socket.gethostname():
            return True
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < 1
        except psutil.NoSuchProcess:
            return False


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
