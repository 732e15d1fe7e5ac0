"""Repeated runs: published outputs are reused, `force` computes them again, and outputs of another owner are reused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from counterpoint.runtime import collect
from counterpoint.runtime.schedule_ownership import Party, keep, read
from counterpoint.testing.differences import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from counterpoint.model import Pipeline, RunRequest
    from counterpoint.services.engines import Engine
    from counterpoint.storage import Store

# the way a run is repeated; forced, by schedule, owned by another side; the total number of computations by then
REPEATS = (
    ("again", False, False, False, 1),
    ("again by force, where another side owns it", True, False, True, 2),
    ("again by force and by schedule, where another side owns it", True, True, True, 2),
)


def repeated(
    pipeline: Pipeline, store: Store, request: RunRequest, evidence: Path, engine: Engine
) -> Iterator[Difference]:
    """The differences when an ended run is repeated in each way of `REPEATS`."""
    for number, (manner, force, scheduled, is_owned, expected) in enumerate(REPEATS):
        if is_owned:
            keep(store, pipeline.name, replace(read(store, pipeline.name), owner=Party("elsewhere")))
        repeat = replace(request, run_id=f"{request.run_id}-{number}", force=force, scheduled=scheduled)
        record = collect(pipeline, store, repeat, engine.run([repeat])[0], engine.version)
        for step in pipeline.steps:
            function = step.function.partition(":")[2]
            computed = len(list(evidence.glob(f"{function}.[0-9]*")))
            if computed != expected:
                yield Difference(f"times computed, run {manner}", step.name, expected, computed)
            status = record.step(step.name).status.value
            if status != "success":
                yield Difference(f"status, run {manner}", step.name, "success", status)
