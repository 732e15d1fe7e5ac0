"""Contracts of the tables that pass between the steps, as pandera schemas; one public name per step's output.

`event_rules` is the contract of the single events of a day, by which the rows of a source are judged.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import pandera.polars as pa
import polars as pl

from streamrec.duplicates import first_of_each
from streamrec.schema import COUNTS, EVENT_TYPES, FEATURES, INSIDE, KEY, RAW, SUMS, VALIDATED

if TYPE_CHECKING:
    from pandera.api.polars.types import PolarsData

    from counterpoint.model import Partition

WINDOW_DAYS = 7
_MAY_BE_NULL = ("malformed", "device", "category", "watch_seconds", "origin")


def event_rules(partition: Partition, limits: dict[str, Any]) -> pa.DataFrameSchema:
    """What every event of a day must be: readable, keys not null, in range, of a known type, there once."""
    length = pa.Check.str_length(1, limits["max_id_length"], error="length")
    checks = {
        "malformed": pa.Check(_nothing, error="readable"),
        "user_id": length,
        "item_id": length,
        "event_type": pa.Check.isin(EVENT_TYPES, error="known type"),
        "watch_seconds": pa.Check.in_range(0.0, limits["max_watch_seconds"], error="range"),
        "timestamp": pa.Check.in_range(partition.start, partition.end, include_max=False, error=INSIDE),
    }
    names = ["malformed", *(name for name in RAW if name != "malformed")]
    columns = {n: pa.Column(RAW[n], checks.get(n), nullable=n in _MAY_BE_NULL) for n in names}
    return pa.DataFrameSchema(columns, checks=pa.Check(_first_of_each, error="unique"))


def _nothing(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key or "*").is_null())


def _first_of_each(data: PolarsData) -> pl.LazyFrame:
    # Collected here: pandera evaluates a lazy answer more than once.
    return first_of_each(data.lazyframe.select(KEY).collect(), KEY).to_frame().lazy()


def _rows(name: str, holds: pl.Expr) -> pa.Check:
    """A check of whole rows by an expression."""
    return pa.Check(lambda data: data.lazyframe.select(holds), name=name)


raw_interactions = pa.DataFrameSchema(
    {name: pa.Column(dtype, nullable=True) for name, dtype in RAW.items()},
    strict=True,
    name="raw_interactions",
    description="One day of events as they came; `malformed` names what could not be read.",
)

validated_interactions = pa.DataFrameSchema(
    {
        **{name: pa.Column(dtype) for name, dtype in VALIDATED.items()},
        "event_type": pa.Column(pl.String, pa.Check.isin(EVENT_TYPES)),
        "watch_ms": pa.Column(pl.Int64, pa.Check.ge(0)),
    },
    strict=True,
    name="validated_interactions",
    description="One day of events, all of which keep the contract.",
)

_USER, _ITEM, _PAIR = (pl.col("entity") == name for name in ("user", "item", "user_category"))

training_features = pa.DataFrameSchema(
    {
        **{name: pa.Column(FEATURES[name], nullable=True) for name in ("user_id", "item_id", "category")},
        "entity": pa.Column(pl.String, pa.Check.isin(("user", "item", "user_category"))),
        "as_of": pa.Column(pl.Date),
        **{name: pa.Column(FEATURES[name], pa.Check.ge(0)) for name in SUMS},
        "active_days": pa.Column(FEATURES["active_days"], pa.Check.in_range(1, WINDOW_DAYS)),
    },
    checks=[
        _rows("users have a user_id", pl.col("user_id").is_not_null() == (_USER | _PAIR)),
        _rows("items have an item_id", pl.col("item_id").is_not_null() == _ITEM),
        _rows("all but users have a category", pl.col("category").is_not_null() == (_ITEM | _PAIR)),
        _rows("every row counts an event", reduce(or_, (pl.col(name) > 0 for name in COUNTS))),
    ],
    strict=True,
    name="training_features",
    description="Sums of the days of the window before `as_of`, per item, user, and user and category.",
)
