"""The memory of a step as a limit: who holds more is killed, with an error that says how much it was.

The resident memory of the step's processes is looked at from outside, fifty times a second. Limits of the system are
not used: RLIMIT_AS counts addresses that libraries reserve and never touch, a library that meets RLIMIT_DATA aborts its
process without saying how much it held, and a control group needs rights that a worker seldom has.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

import psutil

from counterpoint.errors import StepMemoryError
from counterpoint.runtime.hooks import StepHook
from counterpoint.runtime.meter import peak_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from counterpoint.runtime.context import StepContext

_LOOK_SECONDS = 0.02
# how many looks at the step's own process come before one at all that it has started, which costs more
_LOOKS = 10
_MEBIBYTE = 1024**2


def exceeded(step: str, partition: str, limit: int, peak: int, how: str) -> StepMemoryError:
    """The error of an attempt that held more memory than it may."""
    return StepMemoryError(
        f"step {step} of {partition} held {_size(peak)} of memory, which is more than its {_size(limit)}, and {how}:"
        " raise the memory of its resources, or give it less to do",
        peak,
    )


def _size(count: int) -> str:
    return f"{count / _MEBIBYTE:,.1f} MiB"


class MemoryGuard:
    """Looks at the memory of a process and of all that it has started while the block runs; kills it above a limit.

    `peak` is the most that was seen, `is_exceeded` whether it was killed.
    """

    def __init__(self, pid: int, limit: int | None, kill: Callable[[], None]) -> None:
        self.limit, self.peak, self.is_exceeded = limit or 0, 0, False
        self._pid, self._kill, self._ended = pid, kill, Event()
        self._thread = Thread(target=self._watch, daemon=True) if limit and pid else None

    def __enter__(self) -> Self:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _watch(self) -> None:
        with suppress(psutil.NoSuchProcess):
            process, looks = psutil.Process(self._pid), 0
            while not self._ended.wait(_LOOK_SECONDS):
                self.peak = max(self.peak, process.memory_info().rss, _of_all(process) if looks % _LOOKS == 0 else 0)
                looks += 1
                if self.peak > self.limit:
                    self.is_exceeded = True
                    self._kill()
                    return


def _of_all(process: psutil.Process) -> int:
    """The memory of a process with all that it has started; pages that they share count once."""
    children = process.children(recursive=True)
    return sum(map(_share, [process, *children])) if children else 0


def _share(process: psutil.Process) -> int:
    """The pages of a process, each divided by how many share it, where the system tells; 0 when it has ended."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.uss))
    return 0


class WithinMemory(StepHook):
    """Refuses the output of an attempt whose process held too much for a moment that nobody looked at."""

    def called(self, context: StepContext, values: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - of the hook
        """Compares the highest memory of this process with the limit.

        Raises:
            StepMemoryError: It was above it.
        """
        limit = context.step.resources.memory_bytes if context.step.resources else None
        if limit and (peak := peak_memory()) > limit:
            raise exceeded(context.step.name, context.request.partition, limit, peak, "its output is refused")
        return {}
