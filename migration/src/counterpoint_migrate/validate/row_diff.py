"""Rows of two tables that have no like on the other side, and tables that are equal once they are changed somehow."""

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
    """The rows that are there more often than in the other frame, by some of their columns, as often as that."""
    names = list(columns) if columns is not None else rows.columns
    if not names:
        return rows.clear()
    one, two = (_numbered(frame, names) for frame in (rows, other))
    return one.join(two.select(_ROW, _NUMBER), on=[_ROW, _NUMBER], how="anti").drop(_ROW, _NUMBER)


def _numbered(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return rows.with_columns(key_hash(names).alias(_ROW)).with_columns(pl.int_range(pl.len()).over(_ROW).alias(_NUMBER))


@dataclass(frozen=True)
class Pair:
    """The rows of both sides of one date in the columns and types that both have, and those of the days beside it.

    `near` gives, for -1 or 1 and "left" or "right", the rows of the day before or after, or None. `types` has the type
    of each column on both sides.
    """

    left: pl.DataFrame
    right: pl.DataFrame
    types: Mapping[str, tuple[pl.DataType, pl.DataType]]
    suggest: Callable[[int, str], pl.DataFrame | None]

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
        """For each side: its name, the rows that it alone has, those that the other alone has, and the other's rows."""
        return (
            ("left", self.only_left, self.only_right, self.right),
            ("right", self.only_right, self.only_left, self.left),
        )

    @property
    def unlike(self) -> int:
        """How many rows have no like."""
        return self.only_left.height + self.only_right.height

    def explained(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> int:
        """How many rows have a like once the rows of both sides that have none are changed."""
        one, other = change(self.only_left), change(self.only_right)
        return self.unlike - surplus(one, other).height - surplus(other, one).height

    def moments(self) -> list[str]:
        """The columns of points in time."""
        return [name for name, kind in self.left.schema.items() if isinstance(kind, pl.Datetime)]


def pair_of(left: pl.LazyFrame, right: pl.LazyFrame, suggest: Callable[[int, str], pl.LazyFrame | None]) -> Pair:
    """Two tables as they are compared."""
    schemas = left.collect_schema(), right.collect_schema()
    _, found = compare_schemas(*schemas)
    layout = settled((left, right), found)

    def rows(frame: pl.LazyFrame) -> pl.DataFrame:
        named = dict(zip(layout.all, layout.names, strict=True))
        return layout.aligned(frame).rename(named).collect(engine="streaming")

    def beside(days: int, side: str) -> pl.DataFrame | None:
        found = suggest(days, side)
        return None if found is None or not set(layout.names) <= set(found.collect_schema()) else rows(found)

    types = {name: (schemas[0][name], schemas[1][name]) for name in schemas[0] if name in schemas[1]}
    return Pair(rows(left), rows(right), types, beside)
