"""A run that is asked for again: what stands is not computed again, a force computes it, another side's is taken."""

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

# how a run is asked for again, by force, by schedule, where another side owns it; how often steps are computed by then
REPEATS = (
    ("again", False, False, False, 1),
    ("again by force, where another side owns it", True, False, True, 2),
    ("again by force and by schedule, where another side owns it", True, True, True, 2),
)


def repeated(
    pipeline: Pipeline, store: Store, request: RunRequest, evidence: Path, engine: Engine
) -> Iterator[Difference]:
    """What differs when a run that has ended is asked for again, in each way of `REPEATS`."""
    for number, (how, force, scheduled, is_owned, wanted) in enumerate(REPEATS):
        if is_owned:
            keep(store, pipeline.name, replace(read(store, pipeline.name), owner=Party("elsewhere")))
        repeat = replace(request, run_id=f"{request.run_id}-{number}", force=force, scheduled=scheduled)
        record = collect(pipeline, store, repeat, engine.run([repeat])[0], engine.version)
        for step in pipeline.steps:
            function = step.function.partition(":")[2]
            counted = len(list(evidence.glob(f"{function}.[0-9]*")))
            if counted != wanted:
                yield Difference(f"times computed, run {how}", step.name, wanted, counted)
            status = record.step(step.name).status.value
            if status != "success":
                yield Difference(f"status, run {how}", step.name, "success", status)
