"""A pipeline whose steps are quick: a table a day, a window over it, a number."""

from __future__ import annotations

import polars as pl

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, WindowPolicy, step, windowed

DAY = "2026-01-03"


@step(output=Output(OutputKind.TABLE))
def grain(partition):
    return pl.DataFrame({"sack": list(range(partition.day.day)), "day": partition.key})


@step(inputs={"days": windowed("grain", "t-1..t")}, output=Output(OutputKind.TABLE))
def flour(days):
    return pl.concat(list(days.values()))


@step(output=Output(OutputKind.METRICS))
def weight(flour):
    return {"sacks": float(flour.height)}


mill = Pipeline("mill", (grain, flour, weight), Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK))
