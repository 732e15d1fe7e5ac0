"""What the pipeline does: the harvest of a day, its grades, and the week's mean."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl


def harvest(partition, fields, folder):
    if (Path(folder) / f"hail-{partition.key}").exists():
        raise ValueError(f"hail on {partition.key}: nothing to pick")
    draw = random.Random(partition.key)  # noqa: S311
    rows = [(tree, draw.randint(80, 240)) for tree in range(40 * fields)]
    return pl.DataFrame(rows, schema={"tree": pl.Int64, "grams": pl.Int64}, orient="row")


def graded(harvest):
    return harvest.with_columns(large=pl.col("grams") >= 150)


def summary(graded):
    return {"apples": graded.height, "large": int(graded["large"].sum()), "grams": int(graded["grams"].sum())}
