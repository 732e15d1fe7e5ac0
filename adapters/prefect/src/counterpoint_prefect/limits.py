"""What Prefect does not have, and what stands in for it."""

from __future__ import annotations

from counterpoint.adapter import Limit

LIMITS = (
    Limit(
        "timeout",
        "a task's time-out cannot interrupt a thread that sits in C code",
        "every step runs in a process of its own, which core kills when its time is over; the task then fails",
    ),
    Limit(
        "partitions",
        "Prefect knows no partitions",
        "the partition is a parameter of the flow; its window is core's to check",
    ),
    Limit(
        "inputs",
        "a flow is a function, so its edges are not declared anywhere before it runs",
        "the flow keeps its edges and submits its tasks by them",
    ),
    Limit(
        "retry.jitter",
        "Prefect draws jitter from a clamped Poisson distribution around the delay, core uniformly above it",
        "the same delays and the same bound; single waits can be shorter than the delay",
    ),
    Limit(
        "backfill",
        "Prefect has no backfill",
        "a work queue with a limit for each version; the command creates its runs when their windows stand",
    ),
    Limit("freshness", "freshness belongs to no object of Prefect's", "kept with the task, judged by core"),
    Limit(
        "deadline",
        "a deployment has no deadline of its own",
        "kept with the flow; a proactive automation can be put on its late runs",
    ),
)
