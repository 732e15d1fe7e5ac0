"""The order of an orchestrator's own backfill, and its progress."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.model.partitions import Partitions
    from counterpoint.model.records import NativeRun, RunRequest

Span = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class BackfillOrder:
    """Steps of several partitions, to be run by one backfill of an orchestrator.

    `request` is the part that all partitions share: it names no partition, and its run id is the prefix of theirs.
    `steps` has the steps to run of each partition, oldest first; `parallel` limits how much may run at the same time,
    in the orchestrator's own units.
    """

    request: RunRequest
    steps: Mapping[str, tuple[str, ...]]
    parallel: int

    def of(self, key: str) -> RunRequest:
        """The request of one partition."""
        return part_of(self.request, key, self.steps[key])

    def spans(self, partitions: Partitions) -> list[Span]:
        """The partitions as ranges (first, last, steps): unbroken ones, each with the same steps throughout."""
        ranges: list[Span] = []
        for key, steps in self.steps.items():
            if ranges and ranges[-1][2] == steps and partitions.shift(ranges[-1][1], 1) == key:
                ranges[-1] = (ranges[-1][0], key, steps)
            else:
                ranges.append((key, key, steps))
        return ranges


@dataclass(frozen=True, slots=True)
class NativeBackfill:
    """The progress of an orchestrator's backfill: `runs` has, by partition, the steps that have ended so far.

    When it is `over`, nothing more will run; `error` is the reason for which it did not run everything, if known.
    """

    over: bool
    runs: Mapping[str, NativeRun]
    error: str | None = None


def part_of(request: RunRequest, key: str, steps: tuple[str, ...] | None) -> RunRequest:
    """The request of one of several partitions that share a request."""
    return replace(request, partition=key, run_id=f"{request.run_id}-{key}", steps=steps)


def steps_in(spans: Iterable[Span], key: str) -> tuple[str, ...]:
    """The steps of a partition by its range; none when it is in no range."""
    return next((tuple(steps) for first, last, steps in spans if first <= key <= last), ())
