"""Texts given the types of the other side: columns of CSV files, and names of folders.

A column of texts is compared in the type that the other side has, where every text is such a value exactly; the same
column of two CSV files in the first type that holds the texts of both. Elsewhere texts are compared as texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.storage.texts import TYPED, candidates, exact, is_number, value, wide_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.diff.sources import Source

_SAMPLE = 1000
_UNFIT = (pl.Binary, pl.Object, pl.Null, pl.List, pl.Array, pl.Struct, pl.Duration, *TYPED)


def fitted(left: Source, right: Source) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The rows of both sides, their texts in the types in which they are compared."""
    rows = [left.rows, right.rows]
    schemas = [one.collect_schema() for one in rows]
    both = [name for name in schemas[0] if name in schemas[1]]
    found = _inferred(rows, [name for name in both if name in left.inferred and name in right.inferred])
    rows = [_valued(one, found) for one in rows]
    for this, other in ((0, 1), (1, 0)):
        source, kinds = (left, right)[this], schemas[other]
        theirs = (right, left)[this].texts
        loose = [n for n in both if n in source.texts and n not in theirs and not isinstance(kinds[n], _UNFIT)]
        rows[this], rows[other] = _like(rows[this], rows[other], {name: kinds[name] for name in loose})
    return rows[0], rows[1]


def alone(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """The rows with one column of texts in the first type that holds them all."""
    return _valued(rows, _inferred([rows], [name]))


def _given(name: str) -> pl.Expr:
    """Whether there is a text that is not empty."""
    return (pl.col(name) != "").fill_null(value=False)


def _missed(rows: pl.LazyFrame, pairs: Sequence[tuple[str, Any]]) -> list[int]:
    """How many texts of each column are no value of a type."""
    if not pairs:
        return []
    counts = [
        (_given(name) & exact(pl.col(name), kind).is_null()).sum().alias(str(number))
        for number, (name, kind) in enumerate(pairs)
    ]
    return list(rows.select(counts).collect(engine="streaming").row(0))


def _inferred(rows: Sequence[pl.LazyFrame], names: Sequence[str]) -> dict[str, Any]:
    """The first type of each column that holds all texts; none of those that stay text."""
    if not names:
        return {}
    samples = pl.concat([one.select(names).head(_SAMPLE) for one in rows]).collect()
    found = _first(rows, {name: candidates(samples[name]) for name in names})
    numbers = [name for name in names if name not in found and is_number(samples[name])]
    return {**found, **_first(rows, {name: wide_numbers([*rows], name) for name in numbers})}


def _first(rows: Sequence[pl.LazyFrame], kinds: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The first of several types of each column that holds all texts, each asked of those columns that need it."""
    found: dict[str, Any] = {}
    for turn in range(max(map(len, kinds.values()), default=0)):
        pairs = [(name, several[turn]) for name, several in kinds.items() if name not in found and turn < len(several)]
        missed = zip(*(_missed(one, pairs) for one in rows), strict=True)
        found |= {name: kind for (name, kind), counts in zip(pairs, missed, strict=True) if not any(counts)}
    return found


def _valued(rows: pl.LazyFrame, kinds: Mapping[str, Any]) -> pl.LazyFrame:
    return rows.with_columns(value(pl.col(name), kind).alias(name) for name, kind in kinds.items())


def _like(rows: pl.LazyFrame, other: pl.LazyFrame, kinds: Mapping[str, Any]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Both tables, the texts of the first in the types of the second; where a text is none, both columns are texts."""
    pairs = list(kinds.items())
    missed = dict(zip(kinds, _missed(rows, pairs), strict=True))
    unlike = {name: kind for name, kind in pairs if missed[name]}
    shown = [_shown(name, kind) for name, kind in unlike.items()]
    rows = _valued(rows, {name: kind for name, kind in pairs if not missed[name]}).with_columns(shown)
    return rows, other.with_columns(pl.col(name).cast(pl.String) for name in unlike)


def _shown(name: str, kind: Any) -> pl.Expr:
    """The text of the value where it is one, so that 1.0 is like 1 there, too; else the text itself."""
    text = pl.when(_given(name)).then(pl.col(name))
    return pl.coalesce(exact(text, kind).cast(pl.String), text).alias(name)
