"""The absolute difference of two values, exact wherever the type is: integers, decimals and times."""

from __future__ import annotations

from typing import Any

import polars as pl

_NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000}
_SECOND, _DAY = 1e9, 86_400_000_000_000
# what the difference of two 128-bit integers may be without an overflow
_ROOM = 1.6e38


def gap(left: pl.Expr, right: pl.Expr, kind: Any) -> pl.Expr:
    """The absolute difference of two columns of numbers or times; of times in seconds; null where it has no room."""
    if kind.is_integer():
        return _distance(left, right)
    if isinstance(kind, pl.Decimal):
        return _distance(left.to_physical(), right.to_physical()) / 10.0**kind.scale
    if kind.is_temporal():
        factor = pl.lit(_DAY if kind == pl.Date else _NANOSECONDS[kind.time_unit], pl.Int128)
        one, other = (side.to_physical().cast(pl.Int128) * factor for side in (left, right))
        return (one - other).abs() / _SECOND
    return (left.cast(pl.Float64) - right.cast(pl.Float64)).abs()


def _distance(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    one, other = (side.cast(pl.Int128, strict=False) for side in (left, right))
    about = (one.cast(pl.Float64) - other.cast(pl.Float64)).abs()
    return pl.when(about < _ROOM).then((one - other).abs())
