"""A pipeline for smoke tests: it reads rows, judges them, waits for a marker and a person, and acts outside."""

from __future__ import annotations

import os
import time
from pathlib import Path

import polars as pl

from counterpoint.contracts import split
from counterpoint.errors import SourceError
from counterpoint.model import (
    Output,
    OutputKind,
    Partitions,
    Pipeline,
    Smoke,
    WindowPolicy,
    approval,
    marker,
    step,
    windowed,
)

TABLE = Output(OutputKind.TABLE)
LAST = "2026-01-04"


def seen(partition):
    if partition.key > LAST:
        raise SourceError("not delivered yet")
    return partition.key


@step(output=Output(OutputKind.TABLE, contract="embers:whole"), observe="embers:seen")
def orders(partition, rows):
    customers = [f"c{number % 50}" for number in range(rows)]
    return pl.DataFrame({"customer": customers, "number": range(rows), "day": partition.day})


def whole(frame):
    """A day has 1,000 orders at least."""
    assert len(frame) >= 1000


@step(output=TABLE, waits=(marker("never/{partition}"), approval()))
def judged(orders):
    import pandera.polars as pa

    schema = pa.DataFrameSchema({"number": pa.Column(int, pa.Check.ge(0))}, name="orders")
    return split(schema, orders, minimum_rows=1000)


@step(inputs={"days": windowed("judged", "t-1..t")}, output=TABLE)
def summed(days, rounds):
    time.sleep(rounds)
    return pl.concat(days.values()).group_by("customer").len()


@step()
def surroundings(summed):
    return sorted({"MLFLOW_TRACKING_URI", "COUNTERPOINT_ALERTS"} & set(os.environ))


@step(effect=True)
def sent(summed, folder):
    Path(folder, "sent").touch()


@step()
def refused(surroundings, fails):
    if fails or surroundings:
        raise ValueError(f"refused with {surroundings}")
    return True


glowing = Pipeline(
    "glowing",
    (orders, judged, summed, surroundings, sent, refused),
    Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK),
    config={"rows": 2000, "rounds": 600, "folder": "", "fails": False},
    smoke=Smoke({"rounds": 0}, key="customer"),
)
