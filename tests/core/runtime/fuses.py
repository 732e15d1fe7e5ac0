"""Pipelines whose step has a circuit breaker; `mood` decides how it ends."""

from __future__ import annotations

from datetime import timedelta

from counterpoint.errors import TransientError
from counterpoint.model import Breaker, Output, OutputKind, Partitions, Pipeline, RetryPolicy, step
from counterpoint.testing.evidence import attempt_number

FUSE = Breaker(failures=2, reset=timedelta(hours=1))


@step(breaker=FUSE, retry=RetryPolicy(1, timedelta(0)))
def lamp(mood, folder):
    number = attempt_number(folder, f"lamp-{mood}")
    if mood == "dark" or (mood == "flickers" and number == 1):
        raise TransientError(f"no light, {mood}")
    return mood


@step(breaker=FUSE, map_over="bulbs")
def chain(bulbs):
    return 10 // bulbs


@step(output=Output(OutputKind.REGISTRATION))
def registered(mood):
    return []


lamps = Pipeline("lamps", (lamp, registered), Partitions(start="2026-01-01"), config={"mood": "", "folder": ""})
chains = Pipeline("chains", (chain,), Partitions(start="2026-01-01"), config={"bulbs": [1, 0, 2]})
