"""The CPUs of this machine, shared among the steps that say how many they need."""

from __future__ import annotations

import os
from collections import deque
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class CpuBudget:
    """Lets as many steps work at once as there are CPUs for; who comes first is served first.

    A step that needs more than there are takes all of them. One that says nothing is not counted.
    """

    def __init__(self, cpus: float) -> None:
        self._free = self._all = cpus
        self._waiting: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def taken(self, cpus: float) -> Iterator[None]:
        """Waits until so many CPUs are free, and holds them while the block runs."""
        count, turn = min(cpus, self._all), object()
        if not count:
            yield
            return
        with self._changed:
            self._waiting.append(turn)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is turn and self._free >= count)
                self._free -= count
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()


def available() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


CPUS = CpuBudget(available())
