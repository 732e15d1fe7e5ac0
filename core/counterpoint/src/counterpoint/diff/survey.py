"""The first look at two tables, by hashes alone: which rows have no like, and which keys are there more than once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoint.diff.buckets import HASHED_ROWS, KEY, ROW, number_of, paired

if TYPE_CHECKING:
    import polars as pl

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]
    Counts = np.ndarray[Any, np.dtype[np.int64]]

# above, tables differ so much that all their rows are read
_FEW = 1_000_000
_EXAMPLES = 3
# by the first three of 63 bits
_BITS, _SLICES = 60, 8


@dataclass
class Survey:
    """Hashes of rows without a like, of their keys, and of keys that are repeated on a side; how many are on each.

    `few` is False when there are too many to be kept: then none are. `examples` holds a few of the
    keys that are repeated in any case.
    """

    few: bool = True
    unmatched: list[Hashes] = field(default_factory=list)
    keys: list[Hashes] = field(default_factory=list)
    repeated: list[Hashes] = field(default_factory=list)
    repeated_left: int = 0
    repeated_right: int = 0
    examples: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))

    def keep(self, unmatched: Hashes, keys: Hashes, repeated: Hashes) -> None:
        """Adds what one bucket holds."""
        self.unmatched.append(unmatched)
        self.keys.append(keys)
        self.repeated.append(repeated)
        self.examples = np.sort(np.concatenate([self.examples, repeated]))[:_EXAMPLES]
        kept = (self.unmatched, self.keys, self.repeated)
        self.few = self.few and max(sum(map(len, parts)) for parts in kept) <= _FEW
        if not self.few:
            self.unmatched, self.keys, self.repeated = [], [], []


def survey(left: pl.LazyFrame, right: pl.LazyFrame, rows: int) -> Survey:
    """Looks through the hashes of both tables; `rows` is the number of the longer one."""
    found = Survey()
    columns = [KEY, ROW]
    for one, other in paired(left.select(columns), right.select(columns), number_of(rows, HASHED_ROWS)):
        repeats = [repeated(side[KEY].to_numpy()) for side in (one, other)]
        values, _ = unbalanced(one[ROW].to_numpy(), other[ROW].to_numpy())
        found.repeated_left += len(repeats[0])
        found.repeated_right += len(repeats[1])
        found.keep(values, np.union1d(*(_keys_of(side, values) for side in (one, other))), np.union1d(*repeats))
    return found


def _keys_of(side: pl.DataFrame, rows: Hashes) -> Hashes:
    import polars as pl

    if len(rows) > _FEW:
        return rows[:0]
    return side.filter(pl.col(ROW).is_in(pl.Series(rows, dtype=pl.UInt64).implode()))[KEY].to_numpy()


def repeated(hashes: Hashes) -> Hashes:
    """Those that are there more than once, each once, sorted."""
    ordered = np.sort(hashes)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def unbalanced(left: Hashes, right: Hashes) -> tuple[Hashes, Counts]:
    """The 63-bit hashes that are on one side more often than on the other, and how much more often left than right."""
    # a slice at a time, for what counting needs is several times what is counted
    bounds = np.arange(1, _SLICES, dtype=np.uint64) << np.uint64(_BITS)
    ordered = [np.sort(side) for side in (left, right)]
    slices = zip(*(np.split(side, np.searchsorted(side, bounds)) for side in ordered), strict=True)
    found = [_unbalanced(one, other) for one, other in slices if len(one) or len(other)]
    values, surplus = zip(*found, strict=True) if found else ((left,), (np.empty(0, np.int64),))
    return np.concatenate(values), np.concatenate(surplus)


def _unbalanced(left: Hashes, right: Hashes) -> tuple[Hashes, Counts]:
    one = np.uint64(1)
    # the side is the last bit, so that one sort brings the hashes of both sides together
    both = np.concatenate([left << one | one, right << one])
    both.sort()
    values = both >> one
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    sides = ((both & one) << one).astype(np.int8) - np.int8(1)
    surplus = np.add.reduceat(sides, starts, dtype=np.int64)
    return values[starts][surplus != 0], surplus[surplus != 0]
