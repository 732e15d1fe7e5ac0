"""Rows as Python values; times that Python cannot hold (nanoseconds, years beyond 9999) as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping


def dicts_of(rows: pl.DataFrame) -> list[Mapping[str, Any]]:
    """The rows as dicts by column name."""
    fine = [name for name, kind in rows.schema.items() if kind == pl.Time or getattr(kind, "time_unit", "") == "ns"]
    rows = rows.with_columns(_exact(name, rows.schema[name]) for name in fine if _is_finer(rows[name]))
    try:
        return list(rows.iter_rows(named=True))
    except (ValueError, OverflowError):
        # years that Python cannot hold; also within lists and structs
        return [{name: _value(rows[name], number) for name in rows.columns} for number in range(rows.height)]


def _exact(name: str, kind: Any) -> pl.Expr:
    if isinstance(kind, pl.Duration):
        return pl.col(name).dt.total_nanoseconds().cast(pl.String) + " ns"
    return pl.col(name).cast(pl.String)


def _is_finer(column: pl.Series) -> bool:
    return bool((column.to_physical() % 1000 != 0).any())


def _value(column: pl.Series, number: int) -> Any:
    try:
        return column[number]
    except (ValueError, OverflowError):
        cell = column.slice(number, 1)
        return cell.cast(pl.String).item() if cell.dtype.is_temporal() else cell.to_frame().write_json()


def place_of(value: Any) -> tuple[bool, str, Any]:
    """The sort key of a value of a column, in which some values may be texts; null is last."""
    return (value is None, "" if value is None else str(isinstance(value, str)), 0 if value is None else value)
