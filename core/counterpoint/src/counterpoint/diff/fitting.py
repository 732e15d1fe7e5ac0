"""Converting texts to the types of the other side: columns of CSV files, and names of folders.

A column of texts is compared in the other side's type if every text is exactly such a value. A column of two CSV files
is compared in the first type that holds the texts of both. Otherwise texts are compared as texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.storage.texts import TYPED, candidates, exact, numbers, own_text, value, wide_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.diff.sources import Source

# rows of each side from which the types to try are told; fewer of a wide table
_SAMPLE, _LEAST_SAMPLE, _SAMPLED_CELLS = 1000, 50, 100_000
_UNFIT = (pl.Binary, pl.Object, pl.Null, pl.List, pl.Array, pl.Struct, pl.Duration, *TYPED)


def fitted(left: Source, right: Source) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The rows of both sides, with texts converted to the types in which they are compared."""
    rows = [left.rows, right.rows]
    schemas = [side.collect_schema() for side in rows]
    both = [name for name in schemas[0] if name in schemas[1]]
    inferred_types = _inferred(rows, [name for name in both if name in left.inferred and name in right.inferred])
    rows = [_valued(side, inferred_types) for side in rows]
    for this, other in ((0, 1), (1, 0)):
        source, kinds = (left, right)[this], schemas[other]
        theirs = (right, left)[this].texts
        loose = [n for n in both if n in source.texts and n not in theirs and not isinstance(kinds[n], _UNFIT)]
        rows[this], rows[other] = _like(rows[this], rows[other], {name: kinds[name] for name in loose})
    return rows[0], rows[1]


def alone(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """The rows, with one column of texts converted to the first type that holds them all."""
    return _valued(rows, _inferred([rows], [name]))


def _has_text(name: str) -> pl.Expr:
    """Whether a text is neither null nor empty."""
    return (pl.col(name) != "").fill_null(value=False)


def _missed(rows: pl.LazyFrame, pairs: Sequence[tuple[str, Any]]) -> list[int]:
    """For each column and type, the number of texts that are no value of the type."""
    # most columns of numbers hold nothing but the numbers' own texts, which is cheaper to find out
    numeric = [pair for pair in pairs if pair[1].is_integer() or pair[1].is_float()]
    others = _counted(rows, [_has_text(name) & own_text(pl.col(name), kind).not_() for name, kind in numeric])
    plain = {pair for pair, count in zip(numeric, others, strict=True) if not count}
    rest = [pair for pair in pairs if pair not in plain]
    counts = _counted(rows, [_has_text(name) & exact(pl.col(name), kind).is_null() for name, kind in rest])
    missed = iter(counts)
    return [0 if pair in plain else next(missed) for pair in pairs]


def _counted(rows: pl.LazyFrame, conditions: Sequence[pl.Expr]) -> list[int]:
    """For each condition, the number of rows in which it holds."""
    if not conditions:
        return []
    counts = [condition.sum().alias(str(number)) for number, condition in enumerate(conditions)]
    return list(rows.select(counts).collect(engine="streaming").row(0))


def _inferred(rows: Sequence[pl.LazyFrame], names: Sequence[str]) -> dict[str, Any]:
    """The first type of each column that holds all its texts; columns that stay text are left out."""
    if not names:
        return {}
    size = max(min(_SAMPLE, _SAMPLED_CELLS // len(names)), _LEAST_SAMPLE)
    samples = pl.concat([side.select(names).head(size) for side in rows]).collect()
    types = _first(rows, candidates(samples))
    wide = [name for name in numbers(samples) if name not in types]
    return {**types, **_first(rows, {name: wide_numbers([*rows], name) for name in wide})}


def _first(rows: Sequence[pl.LazyFrame], kinds: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The first of several types of each column that holds all its texts; later types are tried only if needed."""
    types: dict[str, Any] = {}
    for turn in range(max(map(len, kinds.values()), default=0)):
        pairs = [
            (name, candidate_types[turn])
            for name, candidate_types in kinds.items()
            if name not in types and turn < len(candidate_types)
        ]
        missed = zip(*(_missed(side, pairs) for side in rows), strict=True)
        types |= {name: kind for (name, kind), counts in zip(pairs, missed, strict=True) if not any(counts)}
    return types


def _valued(rows: pl.LazyFrame, kinds: Mapping[str, Any]) -> pl.LazyFrame:
    return rows.with_columns(value(pl.col(name), kind).alias(name) for name, kind in kinds.items())


def _like(rows: pl.LazyFrame, other: pl.LazyFrame, kinds: Mapping[str, Any]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Both tables, texts of the first in the types of the second; if a text does not fit, both columns are texts."""
    pairs = list(kinds.items())
    missed = dict(zip(kinds, _missed(rows, pairs), strict=True))
    unlike = {name: kind for name, kind in pairs if missed[name]}
    shown = [_shown(name, kind) for name, kind in unlike.items()]
    rows = _valued(rows, {name: kind for name, kind in pairs if not missed[name]}).with_columns(shown)
    return rows, other.with_columns(pl.col(name).cast(pl.String) for name in unlike)


def _shown(name: str, kind: Any) -> pl.Expr:
    """The text of the value, so that 1.0 equals 1, if the text is a value; else the text itself."""
    text = pl.when(_has_text(name)).then(pl.col(name))
    return pl.coalesce(exact(text, kind).cast(pl.String), text).alias(name)
