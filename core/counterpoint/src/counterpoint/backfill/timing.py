"""The duration of a plan: its critical path, the lower bounds of any schedule, and the duration of a queue."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.backfill.queue import drain
from counterpoint.model import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.backfill.plan import PartitionStep, Plan
    from counterpoint.backfill.queue import LaunchUnit, Queue


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lower bounds on the duration of any schedule, in seconds; `lower` is the largest of all bounds."""

    critical_path: tuple[PartitionStep, ...]
    critical_seconds: float
    work_seconds: float
    lower: float


def bounds(plan: Plan, seconds: Mapping[PartitionStep, float], slots: int) -> Bounds:
    """The lower bounds: the critical path, the work divided by all slots, and each pool's work by its slots."""
    best: dict[PartitionStep, tuple[float, PartitionStep | None]] = {}
    for cell, before in plan.waits.items():
        after = max(before, key=lambda other: best[other][0], default=None)
        best[cell] = ((best[after][0] if after else 0.0) + seconds[cell], after)
    last = max(best, key=lambda cell: best[cell][0], default=None)
    path: list[PartitionStep] = []
    while last is not None:
        path.append(last)
        last = best[last][1]
    longest = best[path[0]][0] if path else 0.0
    work = sum(seconds[cell] for cell in plan.cells)
    shared = [longest, work / slots, *_by_pool(plan, seconds).values()]
    return Bounds(tuple(reversed(path)), longest, work, max(shared))


def _by_pool(plan: Plan, seconds: Mapping[PartitionStep, float]) -> dict[str, float]:
    by_pool: Counter[str] = Counter()
    for cell in plan.cells:
        pool = plan.pipeline.step(cell.step).pool
        if pool:
            by_pool[pool] += seconds[cell] / plan.pipeline.pool(pool).slots  # type: ignore[assignment]
    return dict(by_pool)


def makespan(
    queue: Queue, seconds: Mapping[PartitionStep, float]
) -> tuple[float, dict[LaunchUnit, tuple[float, float]]]:
    """The duration of a queue by the expected duration of each cell, and each unit's start and end."""
    now, running, times = 0.0, list[tuple[float, int, "LaunchUnit"]](), dict["LaunchUnit", tuple[float, float]]()
    while not queue.over:
        for unit in drain(queue):
            times[unit] = (now, now + sum(seconds[cell] for cell in unit.cells))
            heapq.heappush(running, (times[unit][1], len(times), unit))
        now, _, ended = heapq.heappop(running)
        queue.end(ended, dict.fromkeys(ended.steps, Status.SUCCESS))
    return now, times
