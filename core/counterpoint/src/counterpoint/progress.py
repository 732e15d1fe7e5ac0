"""The progress of a command: the states of steps by partition, passed on with log records.

A display of progress, such as the command line on a terminal, reads the attribute `steps` of a log record.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from counterpoint.model import NativeStep

PLANNED, RUNNING = "planned", "running"


@dataclass(frozen=True, slots=True)
class StepState:
    """The present state of a step of a partition.

    Attributes:
        partition: The partition's key.
        step: The step's name.
        state: `planned`, `running`, or the status with which it ended.
        rows: The rows of its output, if known.
        seconds: The time from its start to its end, if known.
    """

    partition: str
    step: str
    state: str
    rows: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        rows = f", {self.rows:,} rows" if self.rows is not None else ""
        seconds = f", {self.seconds:.1f} s" if self.seconds is not None else ""
        return f"{self.partition} {self.step} {self.state}{rows}{seconds}"


def plan(log: logging.Logger, steps: Iterable[tuple[str, str]]) -> None:
    """Announces steps, as pairs of partition and step, in the order in which they are shown; no line is logged."""
    _log_states(log, logging.DEBUG, [StepState(partition, step, PLANNED) for partition, step in steps])


def start(log: logging.Logger, partition: str, step: str) -> None:
    """Reports that a step has started; no line is logged."""
    _log_states(log, logging.DEBUG, [StepState(partition, step, RUNNING)])


def end(log: logging.Logger, partition: str, step: str, native: NativeStep, reference: Any = None) -> None:
    """Reports how a step has ended, also in a line of the log.

    Args:
        log: The logger.
        partition: The partition's key.
        step: The step's name.
        native: Its status, start and end.
        reference: The reference of its output, or a list of those of its elements.
    """
    seconds = None
    if native.started and native.ended:
        seconds = (datetime.fromisoformat(native.ended) - datetime.fromisoformat(native.started)).total_seconds()
    references = reference if isinstance(reference, list) else [reference]
    counted = [rows for output in references if (rows := getattr(output, "rows", None)) is not None]
    rows = sum(counted) if counted else None
    _log_states(log, logging.INFO, [StepState(partition, step, native.status.value, rows, seconds)])


def _log_states(log: logging.Logger, level: int, steps: list[StepState]) -> None:
    log.log(level, "%s", "; ".join(map(str, steps)), extra={"steps": steps})
