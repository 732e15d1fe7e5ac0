"""A pipeline whose days are files in a folder that a setting names, with a factor and a secret beside it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from counterpoint.contracts import Validated
from counterpoint.model import Output, OutputKind, Partitions, Pipeline, WindowPolicy, step, windowed

TABLE = Output(OutputKind.TABLE)


def seen(partition, folder):
    return (Path(folder) / f"{partition.key}.txt").read_text(encoding="ascii")


@step(observe=f"{__name__}:seen", output=TABLE)
def numbers(partition, folder):
    return pl.DataFrame({"x": [int(word) for word in seen(partition, folder).split()]}, {"x": pl.Int64})


@step(output=TABLE, reprocess=f"{__name__}:to_the_next_day")
def small(numbers, resubmitted, api_token):
    assert api_token in {"", "s3cr3t-t0ken"}
    rows = numbers if resubmitted is None else pl.concat([numbers, resubmitted.select("x")])
    judged = rows.with_columns(check=pl.when(pl.col("x") > 100).then(pl.lit("limit")), reason=pl.lit("large"))
    return Validated(rows.filter(pl.col("x") <= 100), judged.filter(pl.col("check").is_not_null()))


def to_the_next_day(rejected):
    return rejected.with_columns(x=pl.col("x") // 100, partition=pl.lit("2026-01-02"))


@step(inputs={"days": windowed("small", "t-1..t")})
def total(days, factor):
    return sum(frame["x"].sum() for frame in days.values()) * factor


pipeline = Pipeline(
    "typed",
    (numbers, small, total),
    Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK),
    config={"folder": "", "factor": 1, "api_token": ""},
)
