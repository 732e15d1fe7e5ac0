"""What Dagster does not have, and what stands in for it."""

from __future__ import annotations

from counterpoint.adapter import Limit

LIMITS = (
    Limit(
        "timeout",
        "Dagster has no time-out of an op, only of a whole run",
        "the step runs in a process of its own, which core kills when its time is over; the op then fails",
    ),
    Limit(
        "trigger_rule",
        "Dagster skips everything downstream of an op that failed or was skipped",
        "a run status sensor launches a run that follows, with just the steps whose trigger rule lets them run",
    ),
    Limit(
        "retry.max_delay",
        "Dagster's retry policy waits (2**n - 1) * delay and knows no upper limit",
        "the op asks for each retry itself, with the delay that core computes; the policy on the asset shows it",
    ),
    Limit(
        "map_over",
        "an asset is one op: dynamic outputs cannot make an asset per element",
        "the op executes the elements one after the other; those that stand already are not computed again",
    ),
    Limit(
        "deadline",
        "a run has no deadline; freshness policies look at assets",
        "the deadline stands in the job's metadata; `counterpoint` compares runs with it",
    ),
)
