"""The first pass over two tables, by hashes only: rows without an equal row on the other side, and repeated keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoint.diff.buckets import HASHED_ROWS, KEY, ROW, number_of, paired

if TYPE_CHECKING:
    import polars as pl

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]
    Counts = np.ndarray[Any, np.dtype[np.int64]]

# with more differences than that, all rows are read
_FEW = 1_000_000
_EXAMPLES = 3
# slices by the first three of 63 bits
_BITS, _SLICES = 60, 8


@dataclass
class Survey:
    """Hashes of unmatched rows, of their keys, and of keys that are repeated on a side, with counts for each side.

    `few` is False when there are too many hashes to keep; then none are kept. `examples` holds some of the repeated
    keys in either case.
    """

    few: bool = True
    unmatched: list[Hashes] = field(default_factory=list)
    keys: list[Hashes] = field(default_factory=list)
    repeated: list[Hashes] = field(default_factory=list)
    repeated_left: int = 0
    repeated_right: int = 0
    examples: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))

    def keep(self, unmatched: Hashes, keys: Hashes, repeated: Hashes) -> None:
        """Adds the hashes of one bucket."""
        self.unmatched.append(unmatched)
        self.keys.append(keys)
        self.repeated.append(repeated)
        self.examples = np.sort(np.concatenate([self.examples, repeated]))[:_EXAMPLES]
        lists = (self.unmatched, self.keys, self.repeated)
        self.few = self.few and max(sum(map(len, parts)) for parts in lists) <= _FEW
        if not self.few:
            self.unmatched, self.keys, self.repeated = [], [], []


def survey(left: pl.LazyFrame, right: pl.LazyFrame, rows: int) -> Survey:
    """Surveys the hashes of both tables; `rows` is the number of rows of the longer one."""
    result = Survey()
    columns = [KEY, ROW]
    for left_bucket, right_bucket in paired(left.select(columns), right.select(columns), number_of(rows, HASHED_ROWS)):
        repeats = [repeated(side[KEY].to_numpy()) for side in (left_bucket, right_bucket)]
        values, _ = unbalanced(left_bucket[ROW].to_numpy(), right_bucket[ROW].to_numpy())
        result.repeated_left += len(repeats[0])
        result.repeated_right += len(repeats[1])
        result.keep(
            values, np.union1d(*(_keys_of(side, values) for side in (left_bucket, right_bucket))), np.union1d(*repeats)
        )
    return result


def _keys_of(side: pl.DataFrame, rows: Hashes) -> Hashes:
    import polars as pl

    if len(rows) > _FEW:
        return rows[:0]
    return side.filter(pl.col(ROW).is_in(pl.Series(rows, dtype=pl.UInt64).implode()))[KEY].to_numpy()


def repeated(hashes: Hashes) -> Hashes:
    """The hashes that occur more than once, each once, sorted."""
    ordered = np.sort(hashes)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def unbalanced(left: Hashes, right: Hashes) -> tuple[Hashes, Counts]:
    """The 63-bit hashes that occur more often on one side, and by how much more often on the left than on the right."""
    # a slice at a time, because counting needs several times the memory of the hashes
    bounds = np.arange(1, _SLICES, dtype=np.uint64) << np.uint64(_BITS)
    ordered = [np.sort(side) for side in (left, right)]
    slices = zip(*(np.split(side, np.searchsorted(side, bounds)) for side in ordered), strict=True)
    counted = [
        _unbalanced(left_slice, right_slice)
        for left_slice, right_slice in slices
        if len(left_slice) or len(right_slice)
    ]
    values, surplus = zip(*counted, strict=True) if counted else ((left,), (np.empty(0, np.int64),))
    return np.concatenate(values), np.concatenate(surplus)


def _unbalanced(left: Hashes, right: Hashes) -> tuple[Hashes, Counts]:
    one = np.uint64(1)
    # the last bit is the side, so that one sort groups the hashes of both sides
    both = np.concatenate([left << one | one, right << one])
    both.sort()
    values = both >> one
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    sides = ((both & one) << one).astype(np.int8) - np.int8(1)
    surplus = np.add.reduceat(sides, starts, dtype=np.int64)
    return values[starts][surplus != 0], surplus[surplus != 0]
