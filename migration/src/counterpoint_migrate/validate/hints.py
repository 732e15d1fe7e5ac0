"""Guesses why two outputs differ, by rules that examine the data; each has its evidence in numbers.

A rule takes a `Pair` of tables and returns a `Hint` or None. The first rule that explains at least nine of ten
unmatched rows is used. The sides are called left and right, as everywhere in a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.diff.report import plain
from counterpoint.redaction import row_value
from counterpoint_migrate.validate.row_diff import surplus
from counterpoint_migrate.validate.timehints import interval, late_rows, local_time, other_day

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from counterpoint.diff import TableDiff
    from counterpoint.model import Partition
    from counterpoint_migrate.validate.row_diff import Pair

_MIN_EXPLAINED = 0.9
_FEW_VALUES, _VERY_FEW_VALUES = 20, 5
_TINY, _RELATIVE = 1e-9, 1e-5


@dataclass(frozen=True, slots=True)
class Hint:
    """A guess: its name, its text, and the numbers that support it."""

    name: str
    text: str
    evidence: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"name": self.name, "text": self.text, "evidence": plain(self.evidence)}


def hint_for_tables(pair: Pair, partition: Partition, report: TableDiff) -> Hint | None:
    """The first rule that explains how two tables differ."""
    if not pair.left.columns:
        return None
    renaming = renamed(report, pair)
    rules: tuple[Callable[[], Any], ...] = (
        lambda: interval(pair),
        lambda: duplicates(pair),
        lambda: local_time(pair, partition),
        lambda: null_as_zero(pair),
        lambda: float32(pair),
        lambda: rounding(pair, report),
        lambda: other_day(pair, partition),
        lambda: filtered(pair),
        lambda: late_rows(pair),
        lambda: filtered_by_range(pair),
        lambda: repeated_keys(report),
    )
    guess = renaming or next(filter(None, (rule() for rule in rules)), None)
    return guess if isinstance(guess, Hint) or guess is None else Hint(*guess)


def renamed(report: TableDiff, pair: Pair) -> Hint | None:
    """Columns that only one side has, as many on both, while everything else is equal."""
    ours, theirs = report.schema.only_left, report.schema.only_right
    if not ours or len(ours) != len(theirs) or pair.unlike:
        return None
    words = ", ".join(f"{left_name} may be {right_name}" for left_name, right_name in zip(ours, theirs, strict=True))
    text = f"columns may have other names: {words}; if so, declare it with rename"
    return Hint("renamed", text, {"only_left": [*ours], "only_right": [*theirs]})


def duplicates(pair: Pair) -> Hint | None:
    """Rows that one side has several times."""
    for side, extra, lacking, other in pair.sides:
        if lacking.is_empty() and extra.height and surplus(extra.unique(), other).is_empty():
            text = f"{extra.height} rows are repeated on the {side} side: a retry that appends would do that"
            return Hint("duplicates", text, {"side": side, "repeated_rows": extra.height, "rows": other.height})
    return None


def null_as_zero(pair: Pair) -> Hint | None:
    """Cells that are null on one side, and zero, empty or false on the other."""
    nulls = {side: frame.null_count().row(0, named=True) for side, frame in _unlike(pair)}
    kinds = pair.left.schema.items()
    columns = [
        numeric
        for numeric, kind in kinds
        if nulls["left"][numeric] != nulls["right"][numeric] and _zero(kind) is not None
    ]
    if not columns or not pair.only_left.height or not pair.only_right.height:
        return None
    explained = pair.explained(lambda rows: rows.with_columns(_filled(rows, name) for name in columns))
    if explained < _MIN_EXPLAINED * pair.unlike:
        return None
    side = "left" if nulls["left"][columns[0]] > nulls["right"][columns[0]] else "right"
    other_side = "right" if side == "left" else "left"
    cells = {column: abs(nulls["left"][column] - nulls["right"][column]) for column in columns}
    words = ", ".join(f"{count} in {name}" for name, count in cells.items())
    text = f"null on the {side} side is zero or empty on the {other_side}: {words}"
    return Hint("null_as_zero", text, {"null_side": side, "cells": cells, "rows_explained": explained})


def _unlike(pair: Pair) -> Sequence[tuple[str, pl.DataFrame]]:
    return ("left", pair.only_left), ("right", pair.only_right)


def _zero(kind: pl.DataType) -> pl.Expr | None:
    if kind.is_numeric():
        return pl.lit(0).cast(kind)
    if kind == pl.String:
        return pl.lit("")
    return pl.lit(value=False) if kind == pl.Boolean else None


def _filled(rows: pl.DataFrame, name: str) -> pl.Expr:
    zero = _zero(rows.schema[name])
    return pl.col(name) if zero is None else pl.col(name).fill_null(zero)


def float32(pair: Pair) -> Hint | None:
    """Columns whose numbers are equal after rounding to float32, and already are float32 values on one side."""
    columns = [column for column, kind in pair.left.schema.items() if kind == pl.Float64]
    explained = pair.explained(lambda rows: rows.with_columns(pl.col(columns).cast(pl.Float32))) if columns else 0
    if not explained or explained < _MIN_EXPLAINED * pair.unlike:
        return None
    narrow = {column: side for column in columns if (side := _narrow_side(pair, column))}
    if not narrow:
        return None
    words = ", ".join(f"{name} on the {side} side" for name, side in narrow.items())
    types = {name: [str(kind) for kind in pair.types[name]] for name in narrow}
    text = f"float32 instead of float64: {words}; rounded to float32, {explained} of {pair.unlike} rows match"
    return Hint("float32", text, {"columns": narrow, "types": types, "rows_explained": explained})


def _narrow_side(pair: Pair, name: str) -> str | None:
    """The side whose numbers in a column all fit float32, if the other's do not."""
    fits = {side: _fits(frame[name]) for side, frame in _unlike(pair)}
    if fits["left"] == fits["right"]:
        return None
    return "left" if fits["left"] else "right"


def _fits(numbers: pl.Series) -> bool:
    return bool((numbers.cast(pl.Float32).cast(pl.Float64).eq_missing(numbers)).all())


def rounding(pair: Pair, report: TableDiff) -> Hint | None:
    """Changed cells of floats that are almost equal: sums in another order, or a tolerance that is too tight."""
    changed = [column for column in report.columns if column.changed]
    largest = {change.name: change.max_abs_diff for change in changed}
    if not changed or report.rows.only_left or report.rows.only_right:
        return None
    if not all(pair.left.schema[change.name].is_float() and change.max_abs_diff is not None for change in changed):
        return None
    scales = {change.name: float(pair.left[change.name].abs().max() or 0) for change in changed}  # type: ignore[arg-type]
    if all((change.max_abs_diff or 0) <= _TINY * max(scales[change.name], 1) for change in changed):
        return Hint(
            "rounding", "sums in another order, perhaps: all changed cells are within 1e-9", {"largest": largest}
        )
    if any(change.tolerance for change in changed) and all(
        (change.max_abs_diff or 0) <= _RELATIVE * max(scales[change.name], 1) for change in changed
    ):
        allowed = {change.name: change.tolerance for change in changed}
        text = "the tolerance is exceeded, by little"
        return Hint("tolerance", text, {"largest": largest, "tolerance": allowed})
    return None


def filtered(pair: Pair) -> Hint | None:
    """Rows of one side only that share a value which no row of the other side has."""
    for side, extra, lacking, other in pair.sides:
        if extra.is_empty() or not lacking.is_empty() or other.is_empty():
            continue
        for name in extra.columns:
            values = extra[name].unique()
            if len(values) == 1 and _is_category(other[name], extra.height) and not _holds(other[name], values[0]):
                return _filter(side, extra.height, f"{name} = {row_value(plain(values[0]))}", other.height, name)
    return None


def _is_category(column: pl.Series, rows: int) -> bool:
    """Whether a column has few values; very few are required for a single row, which may have any value by chance."""
    if column.dtype.is_float() or column.dtype.is_nested():
        return False
    most_values = _FEW_VALUES if rows > 1 else _VERY_FEW_VALUES
    return column.n_unique() <= min(most_values, len(column) // 2)


def _holds(column: pl.Series, value: Any) -> bool:
    return bool(column.eq_missing(pl.Series([value], dtype=column.dtype)).any())


def _filter(side: str, rows: int, shared: str, other_rows: int, name: str) -> Hint:
    text = (
        f"a filter of one side alone: {rows} rows only on the {side} side, all with {shared}; no row of the other has"
    )
    return Hint(
        "filter", text, {"side": side, "rows": rows, "shared": shared, "column": name, "rows_of_other": other_rows}
    )


def filtered_by_range(pair: Pair) -> Hint | None:
    """Rows of one side only whose numbers are all outside the other side's range, or that are the only nulls."""
    for side, extra, lacking, other in pair.sides:
        # a single row is too easily the largest of some column
        if extra.height <= 1 or not lacking.is_empty() or other.is_empty():
            continue
        for name, kind in extra.schema.items():
            shared = (
                _range(name, extra[name], other[name]) if kind.is_numeric() else _null(name, extra[name], other[name])
            )
            if shared:
                return _filter(side, extra.height, shared, other.height, name)
    return None


def _range(name: str, extra: pl.Series, other: pl.Series) -> str | None:
    low, high, other_low, other_high = extra.min(), extra.max(), other.min(), other.max()
    if None in (low, high, other_low, other_high) or extra.null_count():
        return _null(name, extra, other)
    if high < other_low:  # type: ignore[operator]  # numbers
        return f"{name} <= {row_value(plain(high))}"
    return f"{name} >= {row_value(plain(low))}" if low > other_high else None  # type: ignore[operator]


def _null(name: str, extra: pl.Series, other: pl.Series) -> str | None:
    return f"{name} = None" if extra.null_count() == len(extra) and not other.null_count() else None


def repeated_keys(report: TableDiff) -> Hint | None:
    """A key that occurs more than once on one side."""
    key = report.key
    if key is None or key.repeated_left == key.repeated_right:
        return None
    counts = {"left": key.repeated_left, "right": key.repeated_right}
    text = f"keys are repeated ({', '.join(key.columns)}): {counts['left']} left, {counts['right']} right"
    return Hint("repeated_keys", text, {"keys": counts, "examples": [dict(example) for example in key.examples]})
