"""Measuring an attempt: wall clock, CPU and memory."""

from __future__ import annotations

import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Meter:
    """Wall clock, CPU and peak memory of this process since the meter was made.

    `peak` is the memory of another process, which could not read its own.
    """

    def __init__(self, peak: int | None = None) -> None:
        self.started, self.cpu, self.peak = datetime.now(UTC), time.process_time(), peak

    def read(self) -> dict[str, Any]:
        """Start and end (ISO 8601, UTC), CPU seconds, and the peak memory of the process in bytes."""
        return {
            "started": self.started.isoformat(),
            "ended": datetime.now(UTC).isoformat(),
            "cpu_seconds": round(time.process_time() - self.cpu, 4),
            "peak_memory": peak_memory() if self.peak is None else self.peak,
        }


def peak_memory() -> int:
    """The peak resident set of this process in bytes; not `ru_maxrss`, which includes the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
