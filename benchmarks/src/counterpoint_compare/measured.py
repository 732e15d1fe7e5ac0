"""Runs a command and measures wall clock, CPU time and peak memory of all its processes."""

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
    """The exit code, stdout and resource use of a command.

    `cpu_seconds` are user and system time, of all descendants that were waited for, or of all that were sampled,
    whichever is more. `peak_memory` is the highest sum of proportional set sizes in bytes, `processes` the highest
    number of processes; both are sampled once a second.
    """

    code: int
    answer: str
    wall_seconds: float
    cpu_seconds: float
    peak_memory: int
    processes: int


def measure(command: Sequence[str]) -> Measured:
    """Runs a command and captures its stdout; its stderr goes to our stderr."""
    mark = uuid.uuid4().hex
    started = time.monotonic()
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
        answer, code, cpu = _wait_for(process)
    wall = time.monotonic() - started
    # nothing here waits for killed processes, or for those of a killed service: the sampled CPU time includes them
    return Measured(code, answer, round(wall, 3), round(max(cpu, meter.cpu), 3), meter.peak, meter.most)


def _wait_for(process: subprocess.Popen[bytes]) -> tuple[str, int, float]:
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
