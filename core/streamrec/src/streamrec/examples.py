"""Examples: one per user, item and day with any event; positive when it was played, completed or liked."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

POSITIVE = ("play", "complete", "like")
# Below this share of examples that are not positive, the log holds no refusals, and negatives are drawn.
FEW_NEGATIVES = 0.10
NEGATIVES_PER_POSITIVE = 4


def examples_of(events: pl.DataFrame, day: str) -> pl.DataFrame:
    """The examples of one day: user_id, item_id, category, device, as_of (the day) and label, in order of ids.

    `device` is that of the first event, so it was known before the label.
    """
    ordered = events.sort("user_id", "item_id", "timestamp", "event_type")
    grouped = ordered.group_by("user_id", "item_id", maintain_order=True).agg(
        pl.col("category").min(),
        pl.col("device").first(),
        pl.col("event_type").is_in(POSITIVE).any().alias("label"),
    )
    return grouped.with_columns(pl.lit(date.fromisoformat(day)).alias("as_of"))


def positives_of(interactions: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The positive examples of several days: user_id, item_id, category, as_of."""
    days = [examples_of(events, day).filter("label") for day, events in interactions.items() if len(events)]
    return pl.concat(days).drop("label", "device") if days else _NONE


_NONE = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "category": pl.String, "as_of": pl.Date})


def with_negatives(examples: pl.DataFrame, catalogue: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The examples, with drawn negatives where the log holds (almost) none.

    For each positive, `NEGATIVES_PER_POSITIVE` items of the catalogue (item_id, category) are drawn uniformly;
    those that the user had that day are dropped. The same seed draws the same.
    """
    positives = examples.filter("label")
    enough = len(examples) - len(positives) >= FEW_NEGATIVES * len(examples)
    if enough or positives.is_empty() or catalogue.is_empty():
        return examples
    rng = np.random.Generator(np.random.PCG64(seed))
    count = len(positives) * NEGATIVES_PER_POSITIVE
    drawn = catalogue[(rng.random(count) * len(catalogue)).astype(np.int64)]
    repeated = positives.select("user_id", "device", "as_of")[
        np.repeat(np.arange(len(positives)), NEGATIVES_PER_POSITIVE)
    ]
    pairs = pl.concat([repeated, drawn.select("item_id", "category")], how="horizontal")
    keys = ["user_id", "item_id", "as_of"]
    fresh = pairs.join(examples, on=keys, how="anti").unique(keys, keep="first", maintain_order=True)
    negatives = fresh.with_columns(pl.lit(value=False).alias("label")).select(examples.columns)
    return pl.concat([examples, negatives]).sort("as_of", "user_id", "item_id")


def catalogue_of(features: pl.DataFrame, day: date) -> pl.DataFrame:
    """Every item seen before a day: item_id, category and `popularity` (its positive events), by id."""
    items = features.filter((pl.col("entity") == "item") & (pl.col("as_of") == day))
    popularity = pl.sum_horizontal("plays", "completes", "likes").alias("popularity")
    return items.select("item_id", "category", popularity).sort("item_id")
