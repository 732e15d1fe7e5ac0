"""Pipelines with a schedule, a deadline and limits; some of them are run by real processes."""

from __future__ import annotations

from datetime import timedelta

from counterpoint.model import (
    Output,
    OutputKind,
    Partitions,
    Pipeline,
    Schedule,
    TriggerRule,
    When,
    step,
)

DAYS = Partitions(start="2026-01-01")


@step()
def landed():
    return 1


@step()
def cleaned(landed):
    return landed


@step()
def counted(landed):
    return landed


@step(freshness=timedelta(hours=26))
def model(cleaned, counted):
    return cleaned + counted


nightly = Pipeline(
    "nightly", (landed, cleaned, counted, model), DAYS, schedule=Schedule("0 2 * * *"), deadline=timedelta(hours=4)
)


@step(output=Output(OutputKind.BRANCH, choices=("ship", "hold")))
def judged():
    return "hold"


@step(when=When("judged", "ship"))
def shipped():
    return 1


@step()
def broken(judged):
    raise ValueError("no")


@step()
def never(broken):
    return broken


@step(trigger_rule=TriggerRule.ALL_DONE)
def report(broken):
    return 1


branching = Pipeline(
    "branching",
    (judged, shipped, broken, never, report),
    DAYS,
    schedule=Schedule("0 2 * * *"),
    deadline=timedelta(hours=4),
)


@step()
def listed():
    return [1, 2, 3]


@step(map_over="listed")
def each(listed):
    return listed


mapping = Pipeline("mapping", (listed, each), DAYS, schedule=Schedule("0 2 * * *"), deadline=timedelta(hours=4))

# due at midnight, and late a second after it: whenever a test runs
late = Pipeline("late", (landed, cleaned), DAYS, schedule=Schedule("0 0 * * *"), deadline=timedelta(seconds=1))


@step(freshness=timedelta(microseconds=1))
def aging():
    return 1


stale = Pipeline("stale", (aging,), DAYS)
crooked = Pipeline("crooked", (aging,), DAYS, schedule=Schedule("0 99 * * *"))
