"""What stands already: which cells need no work, and how long the others took when they were last made."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from counterpoint.model import PRODUCTION
from counterpoint.running.inputs import Work
from counterpoint.running.records import record_path
from counterpoint.running.upstream import Freshness, freshness
from counterpoint.storage import Store

if TYPE_CHECKING:
    from counterpoint.backfill.plan import Cell, Plan
    from counterpoint.model import Entry, Pipeline, RunRequest

_LATEST = 3
UNKNOWN_SECONDS = 1.0


class Snapshot(Store):
    """The store as it is now: each entry is read once, however many cells ask for it."""

    def __init__(self, root: str, pipeline: Pipeline, version: str) -> None:
        super().__init__(root, pipeline, version)
        self._known: dict[tuple[str, str], Entry | None] = {}

    def entry(self, step: str, partition: str) -> Entry | None:
        """What stood for a step and partition when it was first asked for."""
        if (step, partition) not in self._known:
            self._known[step, partition] = super().entry(step, partition)
        return self._known[step, partition]


def freshness_of(store: Store, request: RunRequest, cell: Cell) -> Freshness:
    """Whether a cell stands as it would be made now; `request` is that of its partition."""
    return freshness(Work(request, store.pipeline, store.pipeline.step(cell.step), store))


def seconds_of(plan: Plan, store: Store) -> dict[str, float]:
    """What each step took when it was last made; steps of which nothing is known are left out."""
    found: dict[str, float] = {}
    for step in {cell.step for cell in plan.cells}:
        folders = (f"catalog/{version}/{store.pipeline.name}/{step}" for version in {store.version, PRODUCTION})
        paths = [path for folder in folders for path in store.list(folder)]
        keys = {path.rpartition("/")[2].removesuffix(".json") for path in paths}
        taken = [seconds for key in sorted(keys)[-_LATEST:] if (seconds := _taken(store, step, key)) is not None]
        if taken:
            found[step] = sum(taken) / len(taken)
    return found


def _taken(store: Store, step: str, key: str) -> float | None:
    entry = store.entry(step, key)
    record = store.get_json(record_path(store.pipeline.name, entry.run_id, step)) if entry else None
    if not record or not record.get("started") or not record.get("ended"):
        return None
    begun, ended = (datetime.fromisoformat(record[name]) for name in ("started", "ended"))
    return max((ended - begun).total_seconds(), 0.01)
