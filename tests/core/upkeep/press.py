"""A pipeline of three quick steps whose runs are told to differ and to fail."""

from __future__ import annotations

import polars as pl

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, WindowPolicy, step, windowed

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")


@step(output=Output(OutputKind.TABLE))
def olives(partition, turn):
    return pl.DataFrame({"crate": list(range(turn + 1)), "day": partition.key})


@step(inputs={"days": windowed("olives", "t-1..t")}, output=Output(OutputKind.METRICS))
def oil(days, broken):
    if broken:
        raise ValueError("the press is broken")
    return {"crates": float(sum(day.height for day in days.values()))}


@step(output=Output(OutputKind.METRICS))
def label(oil):
    return {"bottles": oil["crates"] / 2}


press = Pipeline(
    "press",
    (olives, oil, label),
    Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK),
    config={"turn": 0, "broken": False},
    retain="90d",
)
