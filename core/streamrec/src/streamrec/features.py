"""Features: per user, item, and user and category, the sums of the days before a day.

Defined once, in narwhals: `day_sums` and `window_sums` take and give lazy frames of any of its engines
(Polars, DuckDB, PySpark, ...); the two steps of the pipeline run them on Polars. Every sum is of integers,
hence exact on all of them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from streamrec.schema import COUNTS, ENTITY, FEATURES, PARTIALS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from counterpoint.model import Partition

    Lazy = nw.LazyFrame[Any]

KEYS = {"item": ("item_id",), "user": ("user_id",), "user_category": ("user_id", "category")}
_EVENTS = dict(zip(COUNTS, ("impression", "click", "play", "complete", "like"), strict=True))
_SUMMED = (*COUNTS, "watch_ms")


def daily_partials(validated: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """The sums of one day: one row per active item, user, and user and category (`schema.PARTIALS`).

    It depends on that day alone, so it is computed once and merged into every window that holds the day.
    """
    events = nw.from_native(validated.lazy())
    return pl.concat([_collected(day_sums(events, entity), entity, PARTIALS) for entity in KEYS])


def training_features(validated_interactions: Mapping[str, pl.DataFrame], partition: Partition) -> pl.DataFrame:
    """For each day of the window, and the day after, the sums of the window's days strictly before it.

    `validated_interactions` are the daily partials by day, oldest first, the last being the partition's own.
    Rows: all that were seen before, but up to yesterday, of users (each with all categories), those active on the
    day. For the partition's day and the day after (serving tomorrow) all users. Columns of `schema.FEATURES`,
    ordered by `as_of`.
    """
    days = [nw.from_native(frame.lazy()) for frame in validated_interactions.values()]
    tomorrow = partition.day + timedelta(days=1)
    blocks: list[pl.DataFrame] = []
    # The largest blocks first: what they need beside their result is free again before the result is whole.
    for known in range(len(days), 0, -1):
        active = days[known] if known < len(days) - 1 else None
        blocks[:0] = _as_of(days[:known], active, tomorrow - timedelta(days=len(days) - known))
    return pl.concat(blocks)


def _as_of(days: Sequence[Lazy], active: Lazy | None, as_of: date) -> list[pl.DataFrame]:
    day = pl.lit(as_of).alias("as_of")
    return [_collected(window_sums(days, entity, active), entity, FEATURES, day) for entity in KEYS]


def _collected(sums: Lazy, entity: str, columns: Mapping[str, pl.DataType], *more: pl.Expr) -> pl.DataFrame:
    """The rows of one kind of entity in order of their keys, with all columns of the table."""
    native: pl.LazyFrame = sums.to_native()
    present = (*KEYS[entity], "category") if entity == "item" else KEYS[entity]
    absent = [pl.lit(None, pl.String).alias(name) for name in ENTITY[1:] if name not in present]
    named = native.sort(KEYS[entity]).with_columns(pl.lit(entity).alias("entity"), *absent, *more)
    return named.select(pl.col(name).cast(dtype) for name, dtype in columns.items()).collect(engine="streaming")


def day_sums(events: Lazy, entity: str) -> Lazy:
    """The sums of a day's events (`schema.VALIDATED`) by the keys of a kind of entity, in any order."""
    counts = [(nw.col("event_type") == event).sum().alias(name) for name, event in _EVENTS.items()]
    return _grouped(events, entity, [*counts, nw.col("watch_ms").sum()])


def window_sums(days: Sequence[Lazy], entity: str, active: Lazy | None = None) -> Lazy:
    """The sums of several days' partials, and the number of `active_days`, in any order.

    `active` limits users to those in the partials of another day: to whole users, never to the categories or items
    they met that day, which are what a model is to foretell.
    """
    names = ("item_id", "user_id", "category", *_SUMMED)
    history = nw.concat([_only(day, entity).select(*names) for day in days])
    if active is not None and entity != "item":
        history = history.join(_only(active, "user").select("user_id"), on="user_id", how="semi")
    return _grouped(history, entity, [*(nw.col(name).sum() for name in _SUMMED), nw.len().alias("active_days")])


def _only(partials: Lazy, entity: str) -> Lazy:
    return partials.filter(nw.col("entity") == entity)


def _grouped(rows: Lazy, entity: str, sums: Sequence[nw.Expr]) -> Lazy:
    """An item's category is the alphabetically first that it was seen with."""
    category = [nw.col("category").min()] if entity == "item" else []
    return rows.group_by(*KEYS[entity]).agg(*sums, *category)
