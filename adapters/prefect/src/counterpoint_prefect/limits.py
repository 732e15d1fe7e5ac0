"""What Prefect does not have, and what stands in for it."""

from __future__ import annotations

from counterpoint.adapter import Limit

_ROWS = """
timeout | a task's time-out cannot interrupt a thread that sits in C code | core kills the process of the step
partitions | Prefect knows no partitions | the partition is a parameter of the flow; its window is core's to check
inputs | a flow's edges are declared nowhere before it runs | the flow keeps its edges and submits its tasks by them
retry.jitter | it is drawn from a clamped Poisson distribution | the same delays and bound; single waits can be shorter
backfill | Prefect has no backfill | a work queue with a limit; the command creates its runs when their windows stand
freshness | freshness belongs to no object of Prefect's | kept with the task, judged by core
deadline | a deployment has no deadline of its own | kept with the flow; an automation can watch for late runs
"""
_CELLS = [[cell.strip() for cell in row.split("|")] for row in _ROWS.strip().splitlines()]
LIMITS = tuple(Limit(subject, reason, stand_in) for subject, reason, stand_in in _CELLS)
