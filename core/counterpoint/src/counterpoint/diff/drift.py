"""How far the values of a column moved: the population stability index of categories, Kolmogorov-Smirnov of numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

# the usual limit of a major shift (Siddiqi, Credit Risk Scorecards, 2006)
PSI_LIMIT = 0.2
# of the largest distance between the two distribution functions (0..1), however many rows there are
KS_LIMIT = 0.1
# a column with more different values names things rather than sorting them
MOST_CATEGORIES = 50
# stands for a share of zero, of which there is no logarithm
_LEAST_SHARE = 1e-4


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How far a column moved; `value` is None where it is not compared, for the reason in `note`."""

    column: str
    measure: str | None
    value: float | None
    limit: float | None
    drifted: bool | None
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def drift_of(left: pl.LazyFrame, right: pl.LazyFrame) -> list[ColumnDrift]:
    """How far each column that both sides have moved, one column in memory at a time."""
    kinds, others = left.collect_schema(), right.collect_schema()
    names = [name for name in kinds if name in others]
    return [_column(name, kinds[name], others[name], (left, right)) for name in names]


def _column(name: str, kind: pl.DataType, other: pl.DataType, sides: Sequence[pl.LazyFrame]) -> ColumnDrift:
    if kind.is_numeric() and other.is_numeric():
        values = [side.select(pl.col(name).cast(pl.Float64)).collect()[name] for side in sides]
        return _judged(name, "ks", ks(*values), KS_LIMIT)
    categories = (pl.String, pl.Boolean, pl.Categorical, pl.Enum)
    if kind not in categories or other not in categories:
        return _not_compared(name, f"values of type {kind} are not compared")
    shares = [side.select(pl.col(name).cast(pl.String)).collect()[name] for side in sides]
    if max(values.n_unique() for values in shares) > MOST_CATEGORIES:
        return _not_compared(name, f"more than {MOST_CATEGORIES} different values")
    return _judged(name, "psi", psi(*shares), PSI_LIMIT)


def _judged(name: str, measure: str, value: float | None, limit: float) -> ColumnDrift:
    if value is None:
        return _not_compared(name, "one side has no values")
    return ColumnDrift(name, measure, value, limit, value > limit)


def _not_compared(name: str, note: str) -> ColumnDrift:
    return ColumnDrift(name, None, None, None, None, note)


def psi(left: pl.Series, right: pl.Series) -> float | None:
    """The population stability index of two samples of categories, of which null is one; None where one is empty.

    The sum over categories of (p - q) ln(p / q), where p and q are the shares of both sides.
    """
    if left.is_empty() or right.is_empty():
        return None
    shares = [_shares(left, "p"), _shares(right, "q")]
    both = shares[0].join(shares[1], on="value", how="full", coalesce=True, nulls_equal=True)
    p, q = (both[name].fill_null(0).clip(_LEAST_SHARE) for name in ("p", "q"))
    return max(float(((p - q) * (p / q).log()).sum()), 0.0)


def _shares(values: pl.Series, name: str) -> pl.DataFrame:
    counted = values.rename("value").value_counts(name=name)
    return counted.with_columns(pl.col(name) / len(values))


def ks(left: pl.Series, right: pl.Series) -> float | None:
    """The largest distance between the distribution functions of two samples, without nulls and NaN.

    None where one of them is empty.
    """
    left, right = (values.drop_nulls().drop_nans().sort() for values in (left, right))
    if left.is_empty() or right.is_empty():
        return None
    places = pl.concat([left, right])
    below = [side.search_sorted(places, side="right") / len(side) for side in (left, right)]
    distances: list[float] = (below[0] - below[1]).abs().to_list()
    return max(distances)
