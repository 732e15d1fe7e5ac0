"""A pipeline that is always too slow: due at the turn of the year, and late since then."""

from __future__ import annotations

import time
from datetime import timedelta

from counterpoint.model import PartitionKind, Partitions, Pipeline, RetryPolicy, Schedule, step

# a schedule that is on starts a run at once, and Airflow's first attempt may come before its own API server
LATER = RetryPolicy(2, timedelta(seconds=15))


@step(freshness=timedelta(minutes=1), retry=LATER)
def ebb():
    return 1


@step()
def flood(ebb):
    time.sleep(75)
    return ebb


slow = Pipeline(
    "slow",
    (ebb, flood),
    Partitions(PartitionKind.HOURLY, "2025-01-01T00"),
    schedule=Schedule("0 0 1 1 *"),
    deadline=timedelta(seconds=10),
)
