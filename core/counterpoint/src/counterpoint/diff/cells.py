"""Rows of two tables that may differ, compared cell by cell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.diff.buckets import KEY, ROW
from counterpoint.diff.dicts import dicts_of, place_of
from counterpoint.diff.gaps import gap
from counterpoint.diff.report import ColumnDiff, Rows, Sample
from counterpoint.diff.survey import unbalanced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterpoint.diff.report import Options, Tolerance
    from counterpoint.diff.rowsfile import RowsFile
    from counterpoint.diff.schema import Layout

_RIGHT = "_right"


@dataclass
class Tally:
    """The differences found in the buckets so far."""

    layout: Layout
    key: tuple[str, ...]
    options: Options
    only_left: int = 0
    only_right: int = 0
    changed: int = 0
    cells: dict[str, int] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    samples: dict[tuple[str, str | None], list[Sample]] = field(default_factory=dict)
    rows_file: RowsFile | None = None

    def add(self, left: pl.DataFrame, right: pl.DataFrame, repeated: pl.Series) -> None:
        """Counts one bucket; rows with a repeated key, or all rows if there is no key, are compared as a whole."""
        is_whole = pl.lit(not self.key) | pl.col(KEY).is_in(repeated.implode())
        self._whole(left.filter(is_whole), right.filter(is_whole))
        left_rows, right_rows = left.filter(~is_whole), right.filter(~is_whole)
        self._only("only_left", left_rows.join(right_rows, on=KEY, how="anti"))
        self._only("only_right", right_rows.join(left_rows, on=KEY, how="anti"))
        self._pairs(left_rows.join(right_rows, on=KEY, how="inner", suffix=_RIGHT))

    def _whole(self, left: pl.DataFrame, right: pl.DataFrame) -> None:
        values, surplus = unbalanced(left[ROW].to_numpy(), right[ROW].to_numpy())
        for kind, rows, sign in (("only_left", left, 1), ("only_right", right, -1)):
            spare = pl.DataFrame({ROW: values, "spare": surplus * sign}).filter(pl.col("spare") > 0)
            extra = rows.join(spare, on=ROW, how="inner")
            self._only(kind, extra.filter(pl.int_range(pl.len()).over(ROW) < pl.col("spare")).drop("spare"))

    def _only(self, kind: str, rows: pl.DataFrame) -> None:
        setattr(self, kind, getattr(self, kind) + rows.height)
        by = [*self.layout.of(self.key), ROW]
        if self.rows_file:
            self.rows_file.add(kind, rows, by)
        for row in dicts_of(_first(rows, by, self.options.samples)):
            values = {name: row[alias] for name, alias in zip(self.layout.names, self.layout.all, strict=True)}
            key = {name: values[name] for name in self.key}
            left, right = (values, None) if kind == "only_left" else (None, values)
            self._keep(Sample(kind, key, None, left, right))

    def _pairs(self, pairs: pl.DataFrame) -> None:
        """Counts the changed cells of rows with the same key on both sides."""
        flags = [
            self._changed(name, alias, kind).alias(f"is_{alias}")
            for name, alias, kind in zip(self.layout.names, self.layout.all, self.layout.types, strict=True)
        ]
        marked = pairs.with_columns(flags).filter(pl.any_horizontal([f"is_{alias}" for alias in self.layout.all]))
        self.changed += marked.height
        if self.rows_file:
            self.rows_file.add("changed", marked, self.layout.of(self.key))
        counts = marked.select(pl.col(f"is_{alias}").sum() for alias in self.layout.all).row(0)
        columns = zip(self.layout.names, self.layout.all, self.layout.types, counts, strict=True)
        by = self.layout.of(self.key)
        for name, alias, kind, count in columns:
            if count:
                cells = list(dict.fromkeys([*by, alias, f"{alias}{_RIGHT}"]))
                self._column(name, alias, kind, marked.filter(pl.col(f"is_{alias}")).select(cells))

    def _changed(self, name: str, alias: str, kind: Any) -> pl.Expr:
        differs = pl.col(alias).ne_missing(pl.col(f"{alias}{_RIGHT}"))
        absolute, relative = self.options.tolerance.of(name), self.options.tolerance.relative_of(name)
        if not (absolute or relative) or not kind.is_numeric():
            return differs
        distance = _gap(alias, kind).cast(pl.Float64)
        size = pl.max_horizontal(pl.col(column).cast(pl.Float64).abs() for column in (alias, f"{alias}{_RIGHT}"))
        # as math.isclose: an infinite number is not within a share of itself of another one
        is_within = (distance <= absolute) | ((distance <= relative * size) & distance.is_finite())
        return differs & ~is_within.fill_null(value=False)

    def _column(self, name: str, alias: str, kind: Any, changed: pl.DataFrame) -> None:
        self.cells[name] = self.cells.get(name, 0) + changed.height
        if (largest := _largest(changed, alias, kind)) is not None:
            self.largest[name] = max(largest, self.largest.get(name, largest))
        by = self.layout.of(self.key)
        for row in dicts_of(_first(changed, by, self.options.samples)):
            key = dict(zip(self.key, (row[column] for column in by), strict=True))
            self._keep(Sample("changed", key, name, row[alias], row[f"{alias}{_RIGHT}"]))

    def _keep(self, sample: Sample) -> None:
        self.samples.setdefault((sample.kind, sample.column), []).append(sample)

    def rows(self, left: int, right: int) -> Rows:
        """The row counts of the comparison, given those of both sides."""
        return Rows(left, right, self.only_left, self.only_right, self.changed)

    def columns(self, left: int) -> tuple[ColumnDiff, ...]:
        """The differences of each column, in the order of the columns; `left` is the number of the left side's rows."""
        used: Tolerance = self.options.tolerance
        matched = left - self.only_left if self.key else None
        return tuple(
            ColumnDiff(n, self.cells.get(n, 0), self.largest.get(n), used.of(n) if kind.is_numeric() else 0.0, matched)
            for n, kind in zip(self.layout.names, self.layout.types, strict=True)
        )

    def first_samples(self) -> tuple[Sample, ...]:
        """The first samples by key, limited for each column and for the rows of each side."""
        order = [("changed", name) for name in self.layout.names] + [("only_left", None), ("only_right", None)]
        groups = (sorted(self.samples.get(group, []), key=_place) for group in order)
        return tuple(sample for group in groups for sample in group[: self.options.samples])


def _gap(alias: str, kind: Any) -> pl.Expr:
    return gap(pl.col(alias), pl.col(f"{alias}{_RIGHT}"), kind)


def _largest(changed: pl.DataFrame, alias: str, kind: Any) -> float | None:
    if not (kind.is_numeric() or kind.is_temporal()) or isinstance(kind, pl.Time):
        return None
    gaps = changed.select(_gap(alias, kind)).to_series()
    largest = gaps.filter(gaps.is_finite()).max() if gaps.dtype.is_float() else gaps.max()
    return largest if isinstance(largest, int | float) and math.isfinite(largest) else None


def _first(rows: pl.DataFrame, by: Sequence[str], count: int) -> pl.DataFrame:
    """The first rows in the order of `by`, whatever order they came in."""
    return rows.sort(by, nulls_last=True).head(count) if rows.height <= count else rows.bottom_k(count, by=by).sort(by)


def _place(sample: Sample) -> list[tuple[bool, str, Any]]:
    return [place_of(value) for value in sample.key.values()]
