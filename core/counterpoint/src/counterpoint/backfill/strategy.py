"""The order in which a backfill runs its plan."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from counterpoint.backfill.queue import Queue, ranks
from counterpoint.backfill.timing import makespan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.backfill.plan import PartitionStep, Plan
    from counterpoint.backfill.queue import Granularity


class Strategy(StrEnum):
    """Oldest partition first, one after the other; several at once; or the newest partition's result first."""

    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"
    PRIORITIZED = "prioritized"


def queue_of(
    plan: Plan,
    strategy: Strategy,
    grain: Granularity,
    slots: int,
    seconds: Mapping[PartitionStep, float],
    *,
    known: bool = True,
) -> Queue:
    """The queue of a plan by a strategy.

    The parallel strategy starts either the longest chain of work first or the oldest partition first, whichever is
    expected to end sooner. The former is best for long chains, the latter for a narrow pool near their ends. Without
    known durations it starts the oldest partition first, which is never far from the best.

    Args:
        plan: The plan.
        strategy: The strategy.
        grain: The size of the units.
        slots: How many units may run at once.
        seconds: The expected duration of each cell.
        known: Whether all durations are known from earlier runs.
    """
    oldest = ranks(plan, seconds, plan.keys)
    if strategy is Strategy.SEQUENTIAL:
        return Queue(plan, grain, oldest, slots, in_turn=True)
    if strategy is Strategy.PRIORITIZED:
        return Queue(plan, grain, ranks(plan, seconds, plan.keys[::-1]), slots)
    orders = [ranks(plan, seconds), oldest] if known else [oldest]
    durations = [makespan(Queue(plan, grain, order, slots), seconds)[0] for order in orders]
    return Queue(plan, grain, orders[durations.index(min(durations))], slots)
