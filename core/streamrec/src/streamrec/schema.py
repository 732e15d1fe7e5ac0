"""The columns of the tables that pass between the steps, and their types."""

from __future__ import annotations

import polars as pl

EVENT_TYPES = ("impression", "click", "play", "complete", "like")
KEY = ("user_id", "item_id", "event_type", "timestamp")  # of an event: equal ones are duplicates
INSIDE = "inside its day"  # the check of stamps
STAMP = pl.Datetime("us", "UTC")

RAW: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "event_type": pl.String(),
    "watch_seconds": pl.Float64(),
    "timestamp": STAMP,
    "device": pl.String(),
    "category": pl.String(),
    "malformed": pl.String(),  # null, or which field could not be read, and what stood there
    "origin": pl.String(),  # file:line
}

VALIDATED: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "event_type": pl.String(),
    "watch_ms": pl.Int64(),
    "timestamp": STAMP,
    "device": pl.String(),
    "category": pl.String(),
}

COUNTS = ("impressions", "clicks", "plays", "completes", "likes")
SUMS = (*COUNTS, "watch_ms", "active_days")
ENTITY = ("entity", "user_id", "item_id", "category")

# Counts of one entity fit 32 bits, over a window too; its milliseconds do not.
PARTIALS: dict[str, pl.DataType] = {
    **{name: pl.String() for name in ENTITY},
    **{name: pl.Int32() for name in COUNTS},
    "watch_ms": pl.Int64(),
}

FEATURES: dict[str, pl.DataType] = {
    **{name: pl.String() for name in ENTITY},
    "as_of": pl.Date(),
    **{name: pl.Int32() for name in COUNTS},
    "watch_ms": pl.Int64(),
    "active_days": pl.Int8(),
}
