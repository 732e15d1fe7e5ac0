"""Rows of two tables without a match on the other side, and the rows that match after a change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.diff.buckets import key_hash
from counterpoint.diff.schema import compare_schemas
from counterpoint.diff.settling import settled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_ROW, _NUMBER = "\0row", "\0number"


def surplus(rows: pl.DataFrame, other: pl.DataFrame, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows that a frame has more often than the other, each as often as the surplus.

    Args:
        rows: the frame.
        other: the other frame.
        columns: the columns that are compared; by default all.
    """
    names = list(columns) if columns is not None else rows.columns
    if not names:
        return rows.clear()
    numbered, other_numbered = (_numbered(frame, names) for frame in (rows, other))
    return numbered.join(other_numbered.select(_ROW, _NUMBER), on=[_ROW, _NUMBER], how="anti").drop(_ROW, _NUMBER)


def _numbered(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return rows.with_columns(key_hash(names).alias(_ROW)).with_columns(pl.int_range(pl.len()).over(_ROW).alias(_NUMBER))


@dataclass(frozen=True)
class Pair:
    """The rows of both sides for one date, in common columns and types, and access to the neighbouring days.

    `neighbour` returns, for -1 or 1 and "left" or "right", the rows of the day before or after, or None. `types` has
    the type of each column on both sides.
    """

    left: pl.DataFrame
    right: pl.DataFrame
    types: Mapping[str, tuple[pl.DataType, pl.DataType]]
    neighbour: Callable[[int, str], pl.DataFrame | None]

    @cached_property
    def only_left(self) -> pl.DataFrame:
        """Rows that the left side has more often."""
        return surplus(self.left, self.right)

    @cached_property
    def only_right(self) -> pl.DataFrame:
        """Rows that the right side has more often."""
        return surplus(self.right, self.left)

    @property
    def sides(self) -> tuple[tuple[str, pl.DataFrame, pl.DataFrame, pl.DataFrame], ...]:
        """For each side: its name, the rows only it has, the rows only the other has, and all rows of the other."""
        return (
            ("left", self.only_left, self.only_right, self.right),
            ("right", self.only_right, self.only_left, self.left),
        )

    @property
    def unlike(self) -> int:
        """The number of rows without a match."""
        return self.only_left.height + self.only_right.height

    def explained(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> int:
        """The number of unmatched rows that match after a change of both sides."""
        left_rest, right_rest = change(self.only_left), change(self.only_right)
        return self.unlike - surplus(left_rest, right_rest).height - surplus(right_rest, left_rest).height

    def moments(self) -> list[str]:
        """The columns with time stamps."""
        return [name for name, kind in self.left.schema.items() if isinstance(kind, pl.Datetime)]


def pair_of(left: pl.LazyFrame, right: pl.LazyFrame, neighbour: Callable[[int, str], pl.LazyFrame | None]) -> Pair:
    """The pair of two tables in their common columns and types."""
    schemas = left.collect_schema(), right.collect_schema()
    _, common = compare_schemas(*schemas)
    layout = settled((left, right), common)

    def rows(frame: pl.LazyFrame) -> pl.DataFrame:
        named = dict(zip(layout.all, layout.names, strict=True))
        return layout.aligned(frame).rename(named).collect(engine="streaming")

    def neighbour_rows(days: int, side: str) -> pl.DataFrame | None:
        frame = neighbour(days, side)
        return None if frame is None or not set(layout.names) <= set(frame.collect_schema()) else rows(frame)

    types = {name: (schemas[0][name], schemas[1][name]) for name in schemas[0] if name in schemas[1]}
    return Pair(rows(left), rows(right), types, neighbour_rows)
