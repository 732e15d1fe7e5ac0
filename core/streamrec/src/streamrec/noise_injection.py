"""The flaws of real logs, planted at given rates: rows that come late, come twice, or are malformed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from counterpoint.model import Partition
    from streamrec.generator_config import Recipe

_KINDS = ("no user", "no item", "unknown type", "negative", "huge", "no stamp")


def with_flaws(clean: pl.DataFrame, recipe: Recipe, partition: Partition, rng: np.random.Generator) -> pl.DataFrame:
    """The events with some rows replaced by flawed ones, and the columns `malformed` and `origin`."""
    draws = rng.random((2, len(clean)))
    twice = clean[_sources(draws[0], recipe.duplicates)] if recipe.duplicates else clean
    late = draws[1] < recipe.late
    malformed = (draws[1] >= recipe.late) & (draws[1] < recipe.late + recipe.bad)
    kinds = np.where(malformed, np.cumsum(malformed) % len(_KINDS), -1)
    flawed = twice.with_columns(_flawed(pl.lit(pl.Series(kinds)), pl.lit(pl.Series(late))))
    origin = pl.lit(f"synthetic-{partition.key}:") + pl.int_range(1, pl.len() + 1).cast(pl.String)
    return flawed.with_columns(malformed=pl.lit(None, pl.String), origin=origin)


def _sources(draws: NDArray[np.float64], rate: float) -> NDArray[np.int64]:
    """For every row the row whose content it has: its own, or that of the one before."""
    positions = np.arange(len(draws))
    return np.where((draws < rate) & (positions > 0), positions - 1, positions)


def _flawed(kind: pl.Expr, late: pl.Expr) -> list[pl.Expr]:
    """One replacement a column, each for its own kinds of flaw."""
    has = {name: kind == number for number, name in enumerate(_KINDS)}
    moment, watched = pl.col("timestamp"), pl.col("watch_seconds")
    placed = pl.when(late).then(moment - pl.duration(days=1)).otherwise(moment)
    return [
        pl.when(~has["no user"]).then(pl.col("user_id")).alias("user_id"),
        pl.when(~has["no item"]).then(pl.col("item_id")).alias("item_id"),
        pl.when(has["unknown type"]).then(pl.lit("hover")).otherwise(pl.col("event_type")).alias("event_type"),
        pl.when(has["negative"]).then(-1.0).when(has["huge"]).then(1e9).otherwise(watched).alias("watch_seconds"),
        pl.when(~has["no stamp"]).then(placed).alias("timestamp"),
    ]
