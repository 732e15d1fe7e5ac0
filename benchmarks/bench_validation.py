"""Validation of 1,000,000 rows with pandera against the same judgement in hand-written Polars expressions.

Both give the same good rows and the same rejected ones with a reason, and check the same limits of the day.
Medians of interleaved runs after one to warm up; imports are not counted.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.model import Partitions
from streamrec.config import LIMITS
from streamrec.schema import EVENT_TYPES, KEY
from streamrec.source import raw_interactions
from streamrec.validation import validated_interactions

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.model import Partition

MOST = 1.5


def handwritten(rows: pl.DataFrame, day: Partition) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Good and rejected rows, as somebody would write it who has only Polars."""
    length = [1, LIMITS["max_id_length"]]
    watched = pl.col("watch_seconds")
    rules = {
        "malformed, readable": pl.col("malformed").is_null(),
        "user_id, not null": pl.col("user_id").is_not_null(),
        "user_id, length": pl.col("user_id").str.len_chars().is_between(*length),
        "item_id, not null": pl.col("item_id").is_not_null(),
        "item_id, length": pl.col("item_id").str.len_chars().is_between(*length),
        "event_type, not null": pl.col("event_type").is_not_null(),
        "event_type, known type": pl.col("event_type").is_in(EVENT_TYPES),
        "watch_seconds, range": watched.is_between(0.0, LIMITS["max_watch_seconds"]),
        "timestamp, not null": pl.col("timestamp").is_not_null(),
        "timestamp, inside its day": pl.col("timestamp").is_between(day.start, day.end, closed="left"),
        "event, unique": pl.struct(KEY).is_first_distinct(),
    }
    holds = rows.select(**rules)
    passes = holds.select(pl.all_horizontal(pl.all().fill_null(value=True))).to_series()
    reasons = [pl.when(~pl.col(reason)).then(pl.lit(reason)) for reason in rules]
    rejected = rows.filter(~passes).with_columns(holds.filter(~passes).select(reason=pl.coalesce(reasons)))
    good = rows.filter(passes)
    _check_day(good, len(rows))
    converted = good.select(
        "user_id",
        "item_id",
        "event_type",
        (watched * 1000.0).round().cast(pl.Int64).fill_null(0).alias("watch_ms"),
        "timestamp",
        pl.col("device").fill_null("unknown"),
        pl.col("category").fill_null("unknown"),
    )
    return converted, rejected


def _check_day(good: pl.DataFrame, total: int) -> None:
    assert total - len(good) <= LIMITS["max_bad_rate"] * total  # noqa: S101
    assert len(good) >= LIMITS["minimum_rows"]  # noqa: S101
    nulls = good.select("watch_seconds", "device", "category").null_count().max_horizontal().item()
    assert nulls <= LIMITS["max_null_rate"] * len(good)  # noqa: S101
    assert good["user_id"].value_counts()["count"].max() <= LIMITS["max_user_share"] * len(good)  # noqa: S101
    assert good["watch_seconds"].mean() <= LIMITS["max_mean_watch_seconds"]  # noqa: S101


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> int:
    """Prints the ratio and its floor; the exit code is 1 when it is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    source = f"synthetic:rows={given.rows}"
    day = Partitions().partition("2026-01-03")
    rows = raw_interactions(day, source).rows
    ours = validated_interactions(rows, day, {}, source)
    good, rejected = handwritten(rows, day)
    assert good.equals(ours.rows)  # noqa: S101
    assert rejected["origin"].equals(ours.rejected["origin"])  # noqa: S101
    runs = {
        "ours": lambda: validated_interactions(rows, day, {}, source),
        "by hand": lambda: handwritten(rows, day),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(given.repeats):
        for name, function in runs.items():
            times[name].append(timed(function))
    walls = {name: median(wall for wall, _ in found) for name, found in times.items()}
    for name, found in times.items():
        print(f"{name:8} {walls[name] * 1000:6.0f} ms wall {median(cpu for _, cpu in found) * 1000:6.0f} ms CPU")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ratio = walls["ours"] / walls["by hand"]
    print(f"{len(rows):,} rows, {len(rejected):,} rejected, peak memory {peak:.0f} MB")
    print(f"ours / by hand: {ratio:.2f} (at most {MOST})")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
