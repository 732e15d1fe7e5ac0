"""Small pipelines of every shape, drawn by hypothesis, and plain second opinions of what the planner says of them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from counterpoint.backfill.plan import PartitionStep
from counterpoint.model import Input, Partitions, Pipeline, Pool, Step, Window, order

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST = "2026-01-01"
PARTITIONS = Partitions(start=FIRST)


@st.composite
def pipelines(draw: st.DrawFn, most: int = 4) -> Pipeline:
    """Pipelines of a few steps that read earlier ones, as they are or through a window, and use a pool or none."""
    steps: list[Step] = []
    for number in range(draw(st.integers(1, most))):
        inputs = []
        for other in draw(st.sets(st.integers(0, number - 1), max_size=2)) if number else ():
            last = draw(st.integers(-2, 0))
            window = draw(st.sampled_from([None, Window(last - draw(st.integers(0, 2)), last)]))
            inputs.append(Input(f"p{other}", f"s{other}", window))
        pool = draw(st.sampled_from([None, "narrow"]))
        steps.append(Step(f"s{number}", f"m:s{number}", tuple(inputs), pool=pool))
    return Pipeline("drawn", tuple(steps), PARTITIONS, pools=(Pool("narrow", draw(st.integers(1, 2))),))


@st.composite
def ranges(draw: st.DrawFn) -> tuple[str, ...]:
    """A few days in a row, far enough from the first partition for every window to be whole."""
    first = PARTITIONS.shift(FIRST, draw(st.integers(20, 25)))
    return PARTITIONS.range(first, PARTITIONS.shift(first, draw(st.integers(0, 4))))


def reads(pipeline: Pipeline, cell: PartitionStep) -> set[PartitionStep]:
    """What a cell waits for, straight from the description."""
    found = set()
    for given in pipeline.step(cell.step).inputs:
        offsets = range(given.window.first, given.window.last + 1) if given.window else [0]
        found |= {PartitionStep(given.step, PARTITIONS.shift(cell.key, offset)) for offset in offsets}
    return found


def ancestors(pipeline: Pipeline, cells: Iterable[PartitionStep]) -> set[PartitionStep]:
    """The cells and all that they rest on."""
    found = set(cells)
    while more := set(itertools.chain.from_iterable(reads(pipeline, cell) for cell in found)) - found:
        found |= more
    return found


def all_cells(pipeline: Pipeline, keys: Iterable[str]) -> set[PartitionStep]:
    """Every step of some partitions."""
    return {PartitionStep(name, key) for key in keys for name in order(pipeline)}


def longest(pipeline: Pipeline, cells: set[PartitionStep]) -> int:
    """The number of cells in the longest chain, by brute force."""

    def depth(cell: PartitionStep) -> int:
        return 1 + max((depth(other) for other in reads(pipeline, cell) & cells), default=0)

    return max(map(depth, cells), default=0)
