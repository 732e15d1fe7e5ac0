"""Running a command and measuring all of it: wall clock, CPU of every process it waited for, peak memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.processes import die_with_parent
from counterpoint.services.processes import PeakMeter

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASURED = "COUNTERPOINT_MEASURE"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command answered and used.

    Seconds of wall clock, and of CPU (user and system: of all descendants that were waited for, or of all that
    were sampled, whichever is more); the highest sum of proportional set sizes in bytes and the highest number
    of processes, sampled once a second.
    """

    code: int
    answer: str
    wall_seconds: float
    cpu_seconds: float
    peak_memory: int
    processes: int


def measure(command: Sequence[str]) -> Measured:
    """Runs a command whose answer comes on stdout; its progress goes on to our stderr."""
    mark = uuid.uuid4().hex
    begun = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        env={**os.environ, MEASURED: mark},
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it loads nothing
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout, PeakMeter(mark, MEASURED) as meter:
        answer, code, cpu = _followed(process)
    wall = time.monotonic() - begun
    # processes that were killed, or belong to a service that was, are waited for by nobody here: they were sampled
    return Measured(code, answer, round(wall, 3), round(max(cpu, meter.cpu), 3), meter.peak, meter.most)


def _followed(process: subprocess.Popen[bytes]) -> tuple[str, int, float]:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        answer = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    return answer.decode(), process.returncode, used.ru_utime + used.ru_stime
