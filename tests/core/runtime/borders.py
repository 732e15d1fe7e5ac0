"""Pipelines that read one another: days of trades, their weeks, and reports that read both."""

from __future__ import annotations

from datetime import timedelta

import pandera.polars as pa
import polars as pl

from counterpoint.model import (
    Output,
    OutputKind,
    PartitionKind,
    Partitions,
    Pipeline,
    WindowPolicy,
    input_from,
    partition_of,
    step,
    windowed,
)

SOON = {"poll": timedelta(milliseconds=50), "timeout": timedelta(milliseconds=200)}
TABLE = Output(OutputKind.TABLE)
CHECKED = Output(OutputKind.TABLE, contract="borders:POSITIVE")
POSITIVE = pa.DataFrameSchema({"amount": pa.Column(int, pa.Check.ge(0))}, name="positive")
START = Partitions(start="2026-01-05")
WEEKS = Partitions(PartitionKind.WEEKLY, "2026-01-05")


def trades(partition, scale):
    return pl.DataFrame({"amount": [partition.day.day * scale]})


def total(days):
    return {key: int(frame["amount"].sum()) for key, frame in days.items()}


def twice(amount):
    return {"day": int(amount["amount"].sum()) * 2}


def of_week(week):
    return week


def nothing() -> None: ...


market = Pipeline(
    "market",
    (step(trades, output=CHECKED), step(nothing, after=("trades",)), step(twice, inputs={"amount": "trades"})),
    START,
    config={"scale": 1},
)
weeks = Pipeline("weeks", (step(total, inputs={"days": input_from("borders:market.trades", **SOON)}),), WEEKS)
desk = Pipeline(
    "desk",
    (
        step(twice, inputs={"amount": input_from("borders:market.trades", **SOON)}),
        step(total, inputs={"days": input_from("borders:market.trades", "t-1..t", **SOON)}),
    ),
    Partitions(start="2026-01-05", incomplete=WindowPolicy.SHRINK),
)
last_week = Pipeline(
    "last_week", (step(of_week, inputs={"week": input_from("borders:weeks.total", shift=-1, **SOON)}),), START
)
waits_only = Pipeline(
    "waits_only", (step(of_week, waits=(partition_of("borders:weeks", "total", shift=-1, **SOON),)),), START,
    config={"week": 1},
)  # fmt: skip
no_pipeline = Pipeline("no_pipeline", (step(of_week, inputs={"week": input_from("borders:weks.total")}),))
no_step = Pipeline("no_step", (step(of_week, inputs={"week": input_from("borders:weeks.totl")}),))
no_output = Pipeline("no_output", (step(of_week, inputs={"week": input_from("borders:market.nothing")}),))
itself = Pipeline("itself", (step(of_week, inputs={"week": input_from("borders:itself.of_week")}),))
left = Pipeline("left", (step(of_week, inputs={"week": input_from("borders:right.of_week")}),))
right = Pipeline("right", (step(of_week, inputs={"week": input_from("borders:left.of_week")}),))
# of unlike length: the edge to the day before leads round to the same day by its week
days = Pipeline(
    "days",
    (
        step(of_week, name="first", inputs={"week": windowed("second", "t-1..t-1")}),
        step(of_week, name="second", inputs={"week": input_from("borders:their_weeks.of_week")}),
    ),
    START,
)
their_weeks = Pipeline("their_weeks", (step(of_week, inputs={"week": input_from("borders:days.first")}),), WEEKS)
# the week before is no cycle
scored = Pipeline("scored", (step(of_week, inputs={"week": input_from("borders:trained.of_week", shift=-1)}),), START)
trained = Pipeline("trained", (step(of_week, inputs={"week": input_from("borders:scored.of_week")}),), WEEKS)
