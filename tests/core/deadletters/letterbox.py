"""A pipeline of numbers a day, read from files: too high ones are rejected, and those that belong to another day."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from counterpoint.contracts import Validated
from counterpoint.errors import ContractError
from counterpoint.model import Output, OutputKind, Partitions, Pipeline, Step, WindowPolicy, step, windowed

SCHEMA = {"x": pl.Float64, "day": pl.String}
TABLE = Output(OutputKind.TABLE)


def seen(partition, folder):
    return (Path(folder) / f"{partition.key}.json").read_text(encoding="ascii")


@step(output=TABLE, observe=f"{__name__}:seen")
def numbers(partition, folder):
    return pl.DataFrame(json.loads(seen(partition, folder)), SCHEMA, orient="row")


@step(output=TABLE, reprocess=f"{__name__}:to_their_days")
def checked(numbers, partition, limit, resubmitted):
    rows = numbers if resubmitted is None else pl.concat([numbers, resubmitted])
    check = (
        pl.when(pl.col("day") != partition.key)
        .then(pl.lit("day"))
        .when(pl.col("x") > limit)
        .then(pl.lit("limit"))
        .alias("check")
    )
    judged = rows.with_columns(check, reason=pl.lit("bad"))
    rejected = judged.filter(pl.col("check").is_not_null())
    if rejected.height >= rows.height:
        raise ContractError("all is bad", rejected)
    return Validated(rows.filter(check.is_null()), rejected)


@step(inputs={"days": windowed("checked", "t-1..t")})
def total(days):
    return sum(frame["x"].sum() for frame in days.values())


def to_their_days(rejected):
    """Numbers over a thousand are given up."""
    known = rejected.filter(pl.col("x") <= 1000)
    return known.with_columns(partition=pl.col("day"))


letterbox = Pipeline(
    "letterbox",
    (numbers, checked, total),
    Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK),
    config={"folder": "", "limit": 100},
)
CHECKED: Step = letterbox.step("checked")
