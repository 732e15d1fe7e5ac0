"""A group of which a step ends its whole process at first, as a machine that is lost does."""

from __future__ import annotations

from datetime import timedelta

from counterpoint.model import Pipeline, RetryPolicy, step
from counterpoint.testing.evidence import attempt_number

RETRY = RetryPolicy(2, timedelta(seconds=1), timedelta(seconds=1))


@step(group="small", retry=RETRY)
def kept(folder):
    return attempt_number(folder, "kept")


@step(group="small", retry=RETRY)
def losing(kept, folder):
    if attempt_number(folder, "losing") == 1:
        raise SystemExit(1)
    return kept


@step(group="small")
def last(losing, folder):
    return losing + attempt_number(folder, "last")


lost = Pipeline("lost", (kept, losing, last), config={"folder": ""})
