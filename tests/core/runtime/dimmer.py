"""A step with a breaker, and the work on it of any run, without anything being executed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from counterpoint.model import Breaker, FailureClass, Partitions, Pipeline, RunRequest, step
from counterpoint.runtime.breaker import Circuit
from counterpoint.runtime.context import StepContext
from counterpoint.storage import Store, layout

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 1, 7, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUG = FailureClass.CODE_BUG


def dims(a: int) -> int:
    return a


DIMS = Pipeline(
    "lamp", (step(dims, breaker=Breaker(failures=3, reset=HOUR)),), Partitions(start="2026-01-01"), config={"a": 1}
)


def work_of(root: Path | str, run: str, version: str = "production", index: int | None = None) -> StepContext:
    request = RunRequest("lamp", "2026-01-06", run, str(root), version=version)
    return StepContext(request, DIMS, DIMS.step("dims"), Store(str(root), DIMS, version), index)


def circuit_of(root: Path | str, pipeline: str = "lamp", name: str = "dims") -> Circuit:
    values = work_of(root, "").store.get_json(layout.breaker(pipeline, name))
    return Circuit() if values is None else Circuit.from_dict(values)


def state(root: Path | str) -> str:
    return circuit_of(root).state
