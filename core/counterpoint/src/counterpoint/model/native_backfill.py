"""What an orchestrator's own backfill is asked for, and what it tells."""

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

    `request` is what all partitions share: it names none, and its run id is what theirs begin with. `steps` has the
    steps to run of each partition, oldest first; `parallel` says how much of it may run at once, counted as
    the orchestrator counts.
    """

    request: RunRequest
    steps: Mapping[str, tuple[str, ...]]
    parallel: int

    def of(self, key: str) -> RunRequest:
        """The request of one partition."""
        return part_of(self.request, key, self.steps[key])

    def spans(self, partitions: Partitions) -> list[Span]:
        """The partitions as ranges (first, last, steps): unbroken ones, each with the same steps throughout."""
        found: list[Span] = []
        for key, steps in self.steps.items():
            if found and found[-1][2] == steps and partitions.shift(found[-1][1], 1) == key:
                found[-1] = (found[-1][0], key, steps)
            else:
                found.append((key, key, steps))
        return found


@dataclass(frozen=True, slots=True)
class NativeBackfill:
    """How an orchestrator's backfill goes: `runs` has, by partition, the steps that have ended so far.

    When it is `over`, nothing more will come; `error` says what kept it from running everything, if it tells.
    """

    over: bool
    runs: Mapping[str, NativeRun]
    error: str | None = None


def part_of(request: RunRequest, key: str, steps: tuple[str, ...] | None) -> RunRequest:
    """A request that several partitions share, for one of them."""
    return replace(request, partition=key, run_id=f"{request.run_id}-{key}", steps=steps)


def steps_in(spans: Iterable[Span], key: str) -> tuple[str, ...]:
    """The steps of a partition by its range; none when it is in no range."""
    return next((tuple(steps) for first, last, steps in spans if first <= key <= last), ())
