"""Finds the first differences: an output that differs although all its inputs are equal is a cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.model import Window, order
from counterpoint_migrate.validate.matching import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model import Pipeline
    from counterpoint_migrate.validate.matching import Match

PartitionStep = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Traced:
    """A difference, its causes upstream (none: it is a cause itself), and its inputs that were not compared."""

    match: Match
    because: tuple[PartitionStep, ...]
    unseen: tuple[PartitionStep, ...]

    @property
    def is_cause(self) -> bool:
        """Whether all its inputs are equal."""
        return not self.because


def trace(pipeline: Pipeline, matches: Mapping[PartitionStep, Match]) -> list[Traced]:
    """Every difference, by date and then in the order of the steps."""
    walk = _Walk(pipeline, matches)
    places = {name: number for number, name in enumerate(order(pipeline))}
    differing = [match for match in matches.values() if match.status is Status.DIFFERS]
    ordered = sorted(differing, key=lambda match: (match.date, places[match.step]))
    return [Traced(match, *walk.below(match.cell)) for match in ordered]


class _Walk:
    """Follows outputs to their inputs, through steps that are not compared."""

    def __init__(self, pipeline: Pipeline, matches: Mapping[PartitionStep, Match]) -> None:
        self.pipeline, self.matches = pipeline, matches
        self.dates = {date for _, date in matches}
        self._known: dict[PartitionStep, tuple[tuple[PartitionStep, ...], tuple[PartitionStep, ...]]] = {}

    def below(self, cell: PartitionStep) -> tuple[tuple[PartitionStep, ...], tuple[PartitionStep, ...]]:
        """The causes among the inputs of an output, and its inputs that were not compared."""
        if cell not in self._known:
            causes: dict[PartitionStep, None] = {}
            unseen: dict[PartitionStep, None] = {}
            for input_cell in _inputs(self.pipeline, cell):
                input_causes, input_unseen = self._through(input_cell)
                causes.update(dict.fromkeys(input_causes))
                unseen.update(dict.fromkeys(input_unseen))
            self._known[cell] = tuple(causes), tuple(unseen)
        return self._known[cell]

    def _through(self, cell: PartitionStep) -> tuple[tuple[PartitionStep, ...], tuple[PartitionStep, ...]]:
        match = self.matches.get(cell)
        if match is None:
            # nothing is known about other dates; on a compared date, look through the step at its inputs
            causes, unseen = self.below(cell) if cell[1] in self.dates else ((), ())
            return causes, (cell, *unseen)
        if match.status is not Status.DIFFERS:
            return (), ()
        return self.below(cell)[0] or (cell,), ()


def _inputs(pipeline: Pipeline, cell: PartitionStep) -> Iterator[PartitionStep]:
    step, date = pipeline.step(cell[0]), cell[1]
    for step_input in step.inputs:
        window = step_input.window or Window(0)
        yield from ((step_input.step, key) for key in window.keys(pipeline.partitions, date))
    if step.when:
        yield step.when.step, date
