"""Which step of which partition waits for which: from the windows of a pipeline, for a range of partitions."""

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
    """One step of one partition."""

    step: str
    key: str


@dataclass(frozen=True)
class Plan:
    """What a backfill computes.

    `keys` are the partitions that were asked for, oldest first. `waits` has every cell to compute, in an order in
    which none comes before what it waits for, with the cells of this plan that it waits for. `over` are those of
    them that it reads through a window. Cells that stand are in neither: they are read as they are.
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
        """The cells of partitions that were not asked for, but that a window needs."""
        keys = set(self.keys)
        return tuple(cell for cell in self.waits if cell.key not in keys)


def make_plan(
    pipeline: Pipeline, keys: Sequence[str], stands: Callable[[PartitionStep], bool], *, upstream: bool = True
) -> Plan:
    """The plan for some partitions: their cells that do not stand, and what these need of other partitions.

    `stands` says of a cell whether it may be read as it is; it is asked once for each, in an order in which whatever
    a cell reads comes before it. What rests on a cell of the plan is in the plan too.

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
    """Every cell that the partitions rest on, with what it reads or waits for."""
    found: dict[PartitionStep, tuple[PartitionStep, ...]] = {}
    todo = [PartitionStep(step.name, key) for key in keys for step in pipeline.steps]
    while todo:
        cell = todo.pop()
        if cell not in found:
            pipeline.partitions.partition(cell.key)
            found[cell] = tuple(dict.fromkeys((*_windowed(pipeline, cell), *_beside(pipeline, cell))))
            todo += found[cell]
    return found


def _windowed(pipeline: Pipeline, cell: PartitionStep) -> Iterator[PartitionStep]:
    for given in pipeline.step(cell.step).inputs:
        if given.window:
            yield from (PartitionStep(given.step, key) for key in given.window.keys(pipeline.partitions, cell.key))


def _beside(pipeline: Pipeline, cell: PartitionStep) -> Iterator[PartitionStep]:
    """What a cell waits for in its own partition; what it reads through a window alone is not among it."""
    yield from (PartitionStep(name, cell.key) for name in _direct(pipeline.step(cell.step)))


def _direct(step: Step) -> Iterator[str]:
    windows = {given.step for given in step.inputs if given.window} - {g.step for g in step.inputs if not g.window}
    return (name for name in step.upstream if name not in windows)


def _reached(waits: Mapping[PartitionStep, Sequence[PartitionStep]], keys: Collection[str]) -> set[PartitionStep]:
    """The cells of some partitions, and whatever they wait for."""
    found: set[PartitionStep] = set()
    todo = [cell for cell in waits if cell.key in keys]
    while todo:
        cell = todo.pop()
        if cell not in found:
            found.add(cell)
            todo += waits[cell]
    return found


def _refuse_earlier(plan: Mapping[PartitionStep, object], keys: Sequence[str]) -> None:
    missing, chosen = defaultdict(list), set(keys)
    for cell in plan:
        if cell.key not in chosen:
            missing[cell.key].append(cell.step)
    if missing:
        words = "; ".join(f"{key}: {', '.join(steps)}" for key, steps in missing.items())
        raise MissingInputError(f"these partitions are needed and missing or stale: {words}. Leave out --no-upstream")


def inputs_of(plan: Plan) -> Iterator[tuple[PartitionStep, Input]]:
    """What the cells of a plan read that is not among them: it is read as it stands."""
    for cell in plan.cells:
        for given in plan.pipeline.step(cell.step).inputs:
            keys = given.window.keys(plan.pipeline.partitions, cell.key) if given.window else (cell.key,)
            yield from ((other, given) for key in keys if (other := PartitionStep(given.step, key)) not in plan.waits)


def waves(plan: Plan) -> tuple[tuple[PartitionStep, ...], ...]:
    """The cells in the fewest waves that there can be: all of one wave can run at once, after the earlier ones."""
    level: dict[PartitionStep, int] = {}
    for cell, before in plan.waits.items():
        level[cell] = 1 + max((level[other] for other in before), default=-1)
    found: list[list[PartitionStep]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for cell, wave in level.items():
        found[wave].append(cell)
    return tuple(map(tuple, found))


def groups(pipeline: Pipeline) -> dict[str, int]:
    """For each step the number of its group: steps that rest on the same windows, however far, can run in one go.

    What keeps one step of a group from running keeps all of it, so a group can be one run of an orchestrator.
    """
    behind: dict[str, frozenset[tuple[str, int]]] = {}
    for name in order(pipeline):
        step = pipeline.step(name)
        windows = [(given.step, given.window) for given in step.inputs if given.window]
        own = {(other, offset) for other, window in windows for offset in range(window.first, window.last + 1)}
        behind[name] = _with_others(frozenset(own.union(*(behind[u] for u in step.upstream))), step.upstream, behind)
    numbers = {reach: number for number, reach in enumerate(dict.fromkeys(behind.values()))}
    return {name: numbers[reach] for name, reach in behind.items()}


def outside(pipeline: Pipeline, name: str) -> frozenset[tuple[str, int]]:
    """What the group of a step waits for outside of itself: steps, and the offsets of the partitions they are of."""
    number = groups(pipeline)
    mine = {other for other in pipeline.step_names if number[other] == number[name]}
    found: set[tuple[str, int]] = set()
    for step in map(pipeline.step, mine):
        windows = [(given.step, given.window) for given in step.inputs if given.window]
        found |= {(other, offset) for other, window in windows for offset in range(window.first, window.last + 1)}
        found |= {(other, 0) for other in _direct(step)}
    return frozenset((other, offset) for other, offset in found if offset or other not in mine)


def _with_others(
    reach: frozenset[tuple[str, int]], upstream: Sequence[str], behind: Mapping[str, frozenset[tuple[str, int]]]
) -> frozenset[tuple[str, int]]:
    """What a step rests on, with the steps of other groups that it waits for in its own partition."""
    while True:
        more = reach | {(other, 0) for other in upstream if behind[other] != reach}
        if more == reach:
            return reach
        reach = more
