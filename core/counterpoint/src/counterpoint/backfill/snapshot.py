"""The existing outputs: which cells need no work, and how long the other cells took last time."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from counterpoint.model import PRODUCTION, code_digest
from counterpoint.runtime.context import StepContext
from counterpoint.runtime.freshness import Freshness, freshness
from counterpoint.storage import Store, layout
from counterpoint.storage.inventory import Inventory

if TYPE_CHECKING:
    from counterpoint.backfill.plan import PartitionStep, Plan
    from counterpoint.model import Input, Materialization, Pipeline, RunRequest

_LATEST = 3
UNKNOWN_SECONDS = 1.0


class Snapshot(Store):
    """The store as it is now; each entry is read once, however many cells need it."""

    def __init__(self, root: str, pipeline: Pipeline, version: str) -> None:
        super().__init__(root, pipeline, version)
        self._known: dict[tuple[str, str], Materialization | None] = {}

    def entry(self, step: str, partition: str) -> Materialization | None:
        """The entry of a step and partition at the time of the first call."""
        if (step, partition) not in self._known:
            self._known[step, partition] = super().entry(step, partition)
        return self._known[step, partition]

    @cached_property
    def inventory(self) -> Inventory:
        """The files as they were at the time of the first call."""
        return Inventory(self)


def freshness_of(store: Snapshot, request: RunRequest, cell: PartitionStep, *, verify: bool = False) -> Freshness:
    """Whether a cell's output is as it would be computed now; `request` is that of its partition.

    With `verify`, the output is read, and is damaged unless it is as it was written.
    """
    context = StepContext(request, store.pipeline, store.pipeline.step(cell.step), store)
    return freshness(context, store.inventory, verify=verify)


def is_kept(store: Snapshot, cell: PartitionStep, step_input: Input) -> bool:
    """Whether the partial result that an input takes from a cell's output is stored, so that the output is not read."""
    entry = store.entry(*cell)
    if entry is None or step_input.partial is None:
        return False
    return store.stored_partial(entry.reference, step_input.partial, code_digest(step_input.partial)) is not None


def seconds_of(plan: Plan, store: Store) -> dict[str, float]:
    """The mean seconds of each step's latest runs; steps without a recorded run are left out."""
    mean_seconds: dict[str, float] = {}
    for step in {cell.step for cell in plan.cells}:
        versions = {store.version, PRODUCTION}
        folders = (layout.catalog_folder(version, store.pipeline.name, step) for version in versions)
        paths = [path for folder in folders for path in store.list(folder)]
        keys = {layout.name_of(path) for path in paths}
        durations = [seconds for key in sorted(keys)[-_LATEST:] if (seconds := _duration(store, step, key)) is not None]
        if durations:
            mean_seconds[step] = sum(durations) / len(durations)
    return mean_seconds


def _duration(store: Store, step: str, key: str) -> float | None:
    entry = store.entry(step, key)
    record = store.get_json(layout.step_record(store.pipeline.name, entry.run_id, step)) if entry else None
    if not record or not record.get("started") or not record.get("ended"):
        return None
    started, ended = (datetime.fromisoformat(record[name]) for name in ("started", "ended"))
    return max((ended - started).total_seconds(), 0.01)
