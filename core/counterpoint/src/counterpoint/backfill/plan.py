"""The plan of a backfill: which step of which partition waits for which, by the windows of the pipeline."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from counterpoint.errors import MissingInputError
from counterpoint.model import order

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from counterpoint.model import Input, Pipeline, Step


class PartitionStep(NamedTuple):
    """One step of one partition: a cell of the grid of steps and partitions."""

    step: str
    key: str


@dataclass(frozen=True)
class Plan:
    """The cells that a backfill computes.

    `keys` are the requested partitions, oldest first. `waits` maps every cell to compute, in topological order, to the
    cells of this plan that it waits for. `over` maps it to those of them that it reads through a window. Cells with a
    valid output are in neither: they are read as they are.
    """

    pipeline: Pipeline
    keys: tuple[str, ...]
    waits: Mapping[PartitionStep, tuple[PartitionStep, ...]]
    over: Mapping[PartitionStep, tuple[PartitionStep, ...]]
    saved: tuple[PartitionStep, ...] = ()

    @property
    def cells(self) -> tuple[PartitionStep, ...]:
        """Every cell to compute."""
        return tuple(self.waits)

    @property
    def earlier(self) -> tuple[PartitionStep, ...]:
        """The cells of earlier partitions that were not requested, but that a window needs."""
        keys = set(self.keys)
        return tuple(cell for cell in self.waits if cell.key not in keys)


def make_plan(
    pipeline: Pipeline, keys: Sequence[str], stands: Callable[[PartitionStep], bool], *, upstream: bool = True
) -> Plan:
    """The plan for some partitions: their cells without a valid output, and the cells of other partitions they need.

    A cell that depends on a cell of the plan is in the plan too.

    Args:
        pipeline: The pipeline.
        keys: The requested partitions.
        stands: Whether a cell's output may be read as it is; called once per cell, in topological order.
        upstream: Whether the plan may hold other partitions.

    Raises:
        UsageError: a window reaches before the pipeline's first partition.
        MissingInputError: another partition is needed, and `upstream` is false.
    """
    needed = _needed(pipeline, keys)
    places = {name: place for place, name in enumerate(order(pipeline))}
    cells = sorted(needed, key=lambda cell: (cell.key, places[cell.step]))
    waits: dict[PartitionStep, tuple[PartitionStep, ...]] = {}
    saved: list[PartitionStep] = []
    for cell in cells:
        before = tuple(other for other in needed[cell] if other in waits)
        if before or not stands(cell):
            waits[cell] = before
        else:
            saved.append(cell)
    chosen = set(keys)
    wanted = _reached(waits, chosen)
    plan = {cell: before for cell, before in waits.items() if cell in wanted}
    if not upstream:
        _refuse_earlier(plan, keys)
    over = {cell: tuple(set(before).intersection(_windowed(pipeline, cell))) for cell, before in plan.items()}
    return Plan(pipeline, tuple(sorted(keys)), plan, over, tuple(cell for cell in saved if cell.key in chosen))


def _needed(pipeline: Pipeline, keys: Sequence[str]) -> dict[PartitionStep, tuple[PartitionStep, ...]]:
    """Every cell that the partitions depend on, with the cells that it reads or waits for."""
    needed: dict[PartitionStep, tuple[PartitionStep, ...]] = {}
    todo = [PartitionStep(step.name, key) for key in keys for step in pipeline.steps]
    while todo:
        cell = todo.pop()
        if cell not in needed:
            pipeline.partitions.partition(cell.key)
            needed[cell] = tuple(dict.fromkeys((*_windowed(pipeline, cell), *_beside(pipeline, cell))))
            todo += needed[cell]
    return needed


def _windowed(pipeline: Pipeline, cell: PartitionStep) -> Iterator[PartitionStep]:
    for source in pipeline.step(cell.step).inputs:
        if source.window:
            yield from (PartitionStep(source.step, key) for key in source.window.keys(pipeline.partitions, cell.key))


def _beside(pipeline: Pipeline, cell: PartitionStep) -> Iterator[PartitionStep]:
    """The cells of its own partition that a cell waits for, without those that it reads through a window only."""
    yield from (PartitionStep(name, cell.key) for name in _direct(pipeline.step(cell.step)))


def _direct(step: Step) -> Iterator[str]:
    windows = {i.step for i in step.inputs if i.window} - {i.step for i in step.inputs if not i.window}
    return (name for name in step.upstream if name not in windows)


def _reached(waits: Mapping[PartitionStep, Sequence[PartitionStep]], keys: Collection[str]) -> set[PartitionStep]:
    """The cells of some partitions, and all cells that they wait for."""
    reached: set[PartitionStep] = set()
    todo = [cell for cell in waits if cell.key in keys]
    while todo:
        cell = todo.pop()
        if cell not in reached:
            reached.add(cell)
            todo += waits[cell]
    return reached


def _refuse_earlier(plan: Mapping[PartitionStep, object], keys: Sequence[str]) -> None:
    missing, chosen = defaultdict(list), set(keys)
    for cell in plan:
        if cell.key not in chosen:
            missing[cell.key].append(cell.step)
    if missing:
        words = "; ".join(f"{key}: {', '.join(steps)}" for key, steps in missing.items())
        raise MissingInputError(f"these partitions are needed and missing or stale: {words}. Leave out --no-upstream")


def inputs_of(plan: Plan) -> Iterator[tuple[PartitionStep, Input]]:
    """The cells outside a plan that its cells read as they are, each with the input that reads it."""
    for cell in plan.cells:
        for source in plan.pipeline.step(cell.step).inputs:
            keys = source.window.keys(plan.pipeline.partitions, cell.key) if source.window else (cell.key,)
            yield from ((other, source) for key in keys if (other := PartitionStep(source.step, key)) not in plan.waits)


def waves(plan: Plan) -> tuple[tuple[PartitionStep, ...], ...]:
    """The cells in the smallest number of waves; all cells of a wave can run at once, after the earlier waves."""
    level: dict[PartitionStep, int] = {}
    for cell, before in plan.waits.items():
        level[cell] = 1 + max((level[other] for other in before), default=-1)
    cells: list[list[PartitionStep]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for cell, wave in level.items():
        cells[wave].append(cell)
    return tuple(map(tuple, cells))


def groups(pipeline: Pipeline) -> dict[str, int]:
    """The group number of each step; the steps of a group depend on the same windows, directly or indirectly.

    Whatever blocks one step of a group blocks the whole group, so a group can be one run of an orchestrator.
    """
    behind: dict[str, frozenset[tuple[str, int]]] = {}
    for name in order(pipeline):
        step = pipeline.step(name)
        windows = [(source.step, source.window) for source in step.inputs if source.window]
        own = {(other, offset) for other, window in windows for offset in range(window.first, window.last + 1)}
        behind[name] = _with_others(frozenset(own.union(*(behind[u] for u in step.upstream))), step.upstream, behind)
    numbers = {reach: number for number, reach in enumerate(dict.fromkeys(behind.values()))}
    return {name: numbers[reach] for name, reach in behind.items()}


def outside(pipeline: Pipeline, name: str) -> frozenset[tuple[str, int]]:
    """The steps outside a step's group that the group waits for, with the offsets of their partitions."""
    number = groups(pipeline)
    mine = {other for other in pipeline.step_names if number[other] == number[name]}
    reads: set[tuple[str, int]] = set()
    for step in map(pipeline.step, mine):
        windows = [(source.step, source.window) for source in step.inputs if source.window]
        reads |= {(other, offset) for other, window in windows for offset in range(window.first, window.last + 1)}
        reads |= {(other, 0) for other in _direct(step)}
    return frozenset((other, offset) for other, offset in reads if offset or other not in mine)


def _with_others(
    reach: frozenset[tuple[str, int]], upstream: Sequence[str], behind: Mapping[str, frozenset[tuple[str, int]]]
) -> frozenset[tuple[str, int]]:
    """The dependencies of a step, with the steps of other groups that it waits for in its own partition."""
    while True:
        more = reach | {(other, 0) for other in upstream if behind[other] != reach}
        if more == reach:
            return reach
        reach = more
