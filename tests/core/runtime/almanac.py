"""Pipelines of local days and of weeks."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from counterpoint.model import Output, OutputKind, PartitionKind, Partitions, Pipeline, partition_of, step, windowed

BERLIN = "Europe/Berlin"
WEEKS = Partitions(PartitionKind.WEEKLY, "2026-01-05", timezone=BERLIN)


@step(output=Output(OutputKind.TABLE))
def rows(partition):
    hours = int((partition.end - partition.start).total_seconds() // 3600)
    return pl.DataFrame({"hour": range(hours), "day": [f"{partition.day}"] * hours})


@step(inputs={"tables": windowed("rows", "t-1..t")})
def lengths(tables):
    return {key: table.height for key, table in tables.items()}


days = Pipeline("days", (rows, lengths), Partitions(start="2026-01-01", timezone=BERLIN))
weeks = replace(days, name="weeks", partitions=WEEKS)
# the same keys, of other intervals
moved = replace(days, partitions=Partitions(start="2026-01-01"))


@step(waits=(partition_of("almanac:days", "rows"),))
def waiting(partition):
    return partition.key


@step(waits=(partition_of("almanac:weeks", "rows"),))
def weekly(partition):
    return partition.key


utc = Pipeline("utc", (waiting, weekly), Partitions(start="2026-01-01"))
