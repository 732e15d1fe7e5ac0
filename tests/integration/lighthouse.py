"""A pipeline whose newest tick is long ago: an orchestrator that may begin what it missed does so at once."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from counterpoint.model import PartitionKind, Partitions, Pipeline, RetryPolicy, Schedule, step
from counterpoint.testing.evidence import attempt_number

# Airflow's first attempt may come before its own API server
LATER = RetryPolicy(2, timedelta(seconds=15))


@step(retry=LATER)
def wick():
    time.sleep(12)
    return 1


lamp = Pipeline(
    "lamp",
    (wick,),
    Partitions(PartitionKind.HOURLY, "2025-01-01T00"),
    schedule=Schedule("0 0 1 1 *"),
    deadline=timedelta(hours=2),
)


@step(retry=LATER)
def oil(partition):
    return made("oil")


@step(retry=LATER)
def flame(oil):
    awaited("flame")
    return oil + made("flame")


@step(retry=LATER)
def beam(flame):
    awaited("beam")
    return flame + made("beam")


def made(name):
    return attempt_number(f"{os.environ['COUNTERPOINT_ROOT']}/made", name)


def awaited(name):
    """Returns when a test has seen that the other side waits for this step, and has said so."""
    while not Path(os.environ["COUNTERPOINT_ROOT"], "awaited", name).exists():
        time.sleep(0.1)


# two sides share it
beacon = Pipeline("beacon", (oil, flame, beam), lamp.partitions, schedule=lamp.schedule)
