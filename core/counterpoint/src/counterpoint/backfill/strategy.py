"""In which order a backfill goes through its plan."""

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
    """The queue of a plan by a strategy; `seconds` is what each cell is expected to take, `known` from earlier runs.

    Of several at once, either the longest chain of work goes first, or the oldest partition: whichever is expected
    to end sooner. The first is best where chains are long, the second where a pool is narrow near their ends. Where
    durations are not known it is the oldest partition, which is never far from the best.
    """
    oldest = ranks(plan, seconds, plan.keys)
    if strategy is Strategy.SEQUENTIAL:
        return Queue(plan, grain, oldest, slots, in_turn=True)
    if strategy is Strategy.PRIORITIZED:
        return Queue(plan, grain, ranks(plan, seconds, plan.keys[::-1]), slots)
    orders = [ranks(plan, seconds), oldest] if known else [oldest]
    taken = [makespan(Queue(plan, grain, order, slots), seconds)[0] for order in orders]
    return Queue(plan, grain, orders[taken.index(min(taken))], slots)
