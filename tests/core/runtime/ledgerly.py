"""A small pipeline of the user's own for tests of the command: a table, a window over it, a model and a metric."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import polars as pl

from counterpoint.model import Output, OutputKind, Partition, Partitions, Pipeline, WindowPolicy, step, windowed
from counterpoint.storage import Model

PIPELINE = "ledgerly:pipeline"
DAY = "2026-01-03"
TABLE = Output(OutputKind.TABLE)


def read(partition: Partition, rows: int) -> pl.DataFrame:
    """Numbers that tell their day, and how many of them were asked for."""
    if os.environ.get("LEDGERLY_FAILS") == "read":
        raise ValueError("the source is away")
    return pl.DataFrame({"id": range(rows), "v": [float(i * partition.start.day % 17) for i in range(rows)]})


def trend(days: dict[str, pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(days.values()).group_by("id").agg(pl.col("v").mean()).sort("id")


def fit(trend: pl.DataFrame) -> Model:
    return Model({"w": np.asarray(trend["v"], dtype="float64")}, {"n": trend.height}, {"m": float(trend["v"].sum())})


def score(model: Model, trend: pl.DataFrame) -> dict[str, float]:
    return {"score": float(sum(model.weights["w"])), "rows": float(trend.height)}


pipeline: Any = Pipeline(
    name="ledgerly",
    config={"rows": 20},
    partitions=Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK),
    steps=(
        step("ledgerly:read", name="orders", output=TABLE),
        step("ledgerly:trend", name="trend", inputs={"days": windowed("orders", "t-2..t")}, output=TABLE),
        step("ledgerly:fit", name="model", inputs={"trend": "trend"}, output=Output(OutputKind.MODEL)),
        step(
            "ledgerly:score",
            name="score",
            inputs={"model": "model", "trend": "trend"},
            output=Output(OutputKind.METRICS),
        ),
    ),
)
