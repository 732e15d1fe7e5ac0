"""A pipeline that is worth killing: a table, a window over it, and values; a day has the same outputs wherever made."""

from __future__ import annotations

import time
from typing import Any

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, step, windowed

NAME = "killed_steps:pipeline"
START = "2020-01-01"
ROWS = 400


def rows(partition, pause):  # noqa: ANN001, ANN201 - a step
    """A table that the day decides."""
    import polars as pl

    time.sleep(pause)
    day = partition.day.toordinal()
    return pl.DataFrame({"number": range(day, day + ROWS), "word": [f"{day % 7}é"] * ROWS})


def sums(tables, pause):  # noqa: ANN001, ANN201 - a step
    """A table over three days."""
    import polars as pl

    time.sleep(pause)
    days = [frame.select(pl.lit(key).alias("of"), pl.col("number").sum()) for key, frame in tables.items()]
    return pl.concat(days).with_columns(pl.col("number").mean().alias("mean"))


def told(sums, pause) -> dict[str, Any]:  # noqa: ANN001 - a step
    """A value of the table."""
    time.sleep(pause)
    return {"days": sums.height, "numbers": sums["number"].to_list()}


pipeline = Pipeline(
    "killed",
    (
        step("killed_steps:rows", output=Output(OutputKind.TABLE)),
        step("killed_steps:sums", inputs={"tables": windowed("rows", "t-2..t")}, output=Output(OutputKind.TABLE)),
        step("killed_steps:told", output=Output(OutputKind.VALUE)),
    ),
    Partitions(start=START),
    config={"pause": 0.0},
)
