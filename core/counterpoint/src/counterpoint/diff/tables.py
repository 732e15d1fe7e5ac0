"""Comparing two tables by value in bounded memory: first the hashes of all rows, then the values of unmatched rows."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from counterpoint.diff.buckets import KEY, ROW, hashed, key_hash, number_of, paired
from counterpoint.diff.cells import Tally
from counterpoint.diff.choosing import Choice
from counterpoint.diff.dicts import dicts_of
from counterpoint.diff.keys import find_key
from counterpoint.diff.report import KeyUse, Options, Rows, TableDiff
from counterpoint.diff.rowsfile import RowsFile
from counterpoint.diff.schema import check, compare_schemas
from counterpoint.diff.settling import settled
from counterpoint.diff.survey import Survey, repeated, survey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from counterpoint.diff.report import SchemaDiff
    from counterpoint.diff.schema import Layout

_ROWS_A_BUCKET = 500_000


def diff_tables(left: pl.LazyFrame, right: pl.LazyFrame, options: Options | None = None) -> TableDiff:
    """The differences of two tables, whatever the order of their rows and columns.

    Raises:
        UsageError: The options name a column that a table lacks, or whose type does not fit.
    """
    choice = Choice.of(left.collect_schema(), right.collect_schema(), options or Options())
    sides = [_named(left, choice.left), _named(right, choice.right)]
    options = choice.options
    left_schema, right_schema = (side.collect_schema() for side in sides)
    schema, layout = compare_schemas(left_schema, right_schema)
    check(options, left_schema, right_schema, layout)
    layout = settled(sides, layout)
    with RowsFile(Path(options.rows_to), layout) if options.rows_to else nullcontext() as rows_file:
        return _compared(sides, layout, schema, options, rows_file)


def _named(rows: pl.LazyFrame, names: Mapping[str, str]) -> pl.LazyFrame:
    return rows.select(pl.col(own).alias(name) for own, name in names.items())


def _compared(
    sides: Sequence[pl.LazyFrame], layout: Layout, schema: SchemaDiff, options: Options, rows_file: RowsFile | None
) -> TableDiff:
    counts = [int(side.select(pl.len()).collect(engine="streaming").item()) for side in sides]
    if not layout.names:
        # rows without any comparable column match no other row
        return TableDiff(schema, Rows(*counts, *counts), key=KeyUse((), found=True))
    both = [_plain(layout.aligned(side), layout, options) for side in sides]
    key = options.key or find_key(both[0], both[1], layout, counts)
    marked = [hashed(side, layout.all, layout.of(key)) for side in both]
    seen = survey(marked[0], marked[1], max(counts))
    tally = Tally(layout, key, options, rows_file=rows_file)
    if seen.few:
        _compare_few(both, seen, tally)
    else:
        _compare_all(marked, max(counts), tally)
    use = _use(marked, seen, layout, key, options) if key else KeyUse((), found=True)
    return TableDiff(schema, tally.rows(*counts), tally.columns(counts[0]), tally.first_samples(), use)


def _plain(rows: pl.LazyFrame, layout: Layout, options: Options) -> pl.LazyFrame:
    """The aligned rows, with texts in lower case and without space at both ends, as far as the options say so."""
    cells = {alias: pl.col(alias) for alias, kind in zip(layout.all, layout.types, strict=True) if kind == pl.String}
    if options.trim:
        cells = {alias: cell.str.strip_chars() for alias, cell in cells.items()}
    if options.fold_case:
        cells = {alias: cell.str.to_lowercase() for alias, cell in cells.items()}
    return rows.with_columns(**cells) if options.trim or options.fold_case else rows


def _compare_all(sides: Sequence[pl.LazyFrame], rows: int, tally: Tally) -> None:
    for left, right in paired(sides[0], sides[1], number_of(rows, _ROWS_A_BUCKET)):
        repeats = [repeated(side[KEY].to_numpy()) for side in (left, right)]
        tally.add(left, right, pl.Series(np.union1d(*repeats)))


def _compare_few(both: Sequence[pl.LazyFrame], seen: Survey, tally: Tally) -> None:
    rows, keys, layout = _series(seen.unmatched), _series(seen.keys), tally.layout
    if rows.is_empty():
        return
    # filtered by the key first, so that only the key of unchanged rows is decoded from a Parquet file
    may_differ = key_hash(layout.of(tally.key)).is_in(keys.implode()) if tally.key else pl.lit(value=True)
    filtered = [hashed(side.filter(may_differ), layout.all, layout.of(tally.key)) for side in both]
    left, right = (side.filter(pl.col(ROW).is_in(rows.implode())).collect(engine="streaming") for side in filtered)
    tally.add(left, right, _series(seen.repeated))


def _series(parts: Sequence[np.ndarray[Any, Any]]) -> pl.Series:
    return pl.Series(np.concatenate(parts) if parts else [], dtype=pl.UInt64)


def _use(sides: Sequence[pl.LazyFrame], seen: Survey, layout: Layout, key: tuple[str, ...], options: Options) -> KeyUse:
    examples = _examples(sides, seen, layout, key)[: options.samples]
    return KeyUse(key, not options.key, seen.repeated_left, seen.repeated_right, tuple(examples))


def _examples(
    sides: Sequence[pl.LazyFrame], seen: Survey, layout: Layout, key: tuple[str, ...]
) -> Sequence[Mapping[str, Any]]:
    """Some of the keys that are repeated on a side."""
    few = pl.Series(seen.examples, dtype=pl.UInt64)
    if few.is_empty():
        return []
    columns = layout.of(key)
    named = dict(zip(columns, key, strict=True))
    matching = [side.select(columns).filter(key_hash(columns).is_in(few.implode())) for side in sides]
    rows = pl.concat(matching).unique().collect(engine="streaming").rename(named)
    return dicts_of(rows.sort(key, nulls_last=True))
