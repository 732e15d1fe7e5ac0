"""Finding the key of two tables: the fewest columns that identify their rows.

Sets of one, two and three columns are tried, in the order of the left table's first twelve columns that are neither
floats nor nested. A set with repeated values in the first 20,000 rows of a side is discarded; at most six sets of a
size are then counted on all rows. Of the sets of one size that are unique on both sides, the one with the most keys
common to both sides is chosen, or the first of several with equally many. Where that set matches less than half of the
rows, as an identifier that each run makes anew does, larger sets are tried as well.
"""

from __future__ import annotations

from itertools import combinations
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from counterpoint.diff.buckets import HASHED_ROWS, KEY, key_hash, number_of, paired

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from counterpoint.diff.schema import Layout

_COLUMNS, _SIZES, _SAMPLE, _COUNTED = 12, (1, 2, 3), 20_000, 6


def find_key(left: pl.LazyFrame, right: pl.LazyFrame, layout: Layout, rows: Sequence[int]) -> tuple[str, ...]:
    """The names of the key columns of two aligned tables with so many rows; empty when no set of columns is a key."""
    samples = [side.head(_SAMPLE).collect(engine="streaming") for side in (left, right)]
    distinct = [{name: sample[name].n_unique() for name in _candidates(layout)} for sample in samples]
    matched: dict[tuple[str, ...], int] = {}
    for size in _SIZES:
        sets = [columns for columns in _unique(samples, distinct, size) if not _has_subset(columns, matched)]
        for columns in sets[:_COUNTED]:
            shared = _shared(left, right, columns, max(rows))
            if shared is not None:
                matched[columns] = shared
            if shared == max(rows):
                break
        if matched and max(matched.values()) * 2 >= min(rows):
            break
    best = max(matched, key=lambda columns: matched[columns], default=())
    return tuple(layout.names[layout.all.index(column)] for column in best)


def _has_subset(columns: tuple[str, ...], keys: Collection[tuple[str, ...]]) -> bool:
    """Whether some of the columns are a key already, so that more of them match no more rows."""
    return any(set(key) < set(columns) for key in keys)


def _candidates(layout: Layout) -> list[str]:
    kinds = zip(layout.all, layout.types, strict=True)
    return [name for name, kind in kinds if not kind.is_float() and not kind.is_nested() and kind != pl.Null][:_COLUMNS]


def _unique(samples: list[pl.DataFrame], distinct: list[dict[str, int]], size: int) -> Iterator[tuple[str, ...]]:
    """The sets of columns that are unique in the samples."""
    for columns in combinations(distinct[0], size):
        parts = zip(samples, distinct, strict=True)
        if all(_is_unique(sample, columns, counts) for sample, counts in parts):
            yield columns


def _is_unique(sample: pl.DataFrame, columns: tuple[str, ...], counts: dict[str, int]) -> bool:
    if prod(counts[name] for name in columns) < sample.height:
        return False
    return sample.select(key_hash(columns)).to_series().n_unique() == sample.height


def _shared(left: pl.LazyFrame, right: pl.LazyFrame, columns: tuple[str, ...], rows: int) -> int | None:
    """The number of keys that both sides have, or None when a key is repeated on a side."""
    hashes = key_hash(columns).alias(KEY)
    shared = 0
    for left_bucket, right_bucket in paired(left.select(hashes), right.select(hashes), number_of(rows, HASHED_ROWS)):
        left_keys, right_keys = (np.sort(side[KEY].to_numpy()) for side in (left_bucket, right_bucket))
        if any((keys[1:] == keys[:-1]).any() for keys in (left_keys, right_keys)):
            return None
        shared += len(np.intersect1d(left_keys, right_keys, assume_unique=True))
    return shared
