"""What is found in any two small tables is what plain Python finds, however many buckets they are taken in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import brute
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.diff import Options, Tolerance, diff_tables
from counterpoint.diff import survey as surveys
from counterpoint.diff import tables as tables_module

NAN = float("nan")
FLOATS = st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.5, NAN, -NAN, float("inf"), float("-inf")])
MOMENTS = st.sampled_from([datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)])
KINDS: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int64: st.integers(-2, 2) | st.sampled_from([2**63 - 1, -(2**63)]),
    pl.Int8: st.integers(-2, 2),
    pl.Float64: FLOATS,
    pl.Float32: FLOATS,
    pl.String: st.sampled_from(["", "a", "b", "ab", "é", "☃"]),
    pl.Binary: st.binary(max_size=2),
    pl.Boolean: st.booleans(),
    pl.Datetime("us", "UTC"): MOMENTS,
    pl.List(pl.Float64): st.lists(st.none() | FLOATS, max_size=2),
    pl.Struct({"a": pl.Float64, "b": pl.String}): st.fixed_dictionaries(
        {"a": st.none() | FLOATS, "b": st.none() | st.sampled_from(["", "x"])}
    ),
}
FLAT = [kind for kind in KINDS if not isinstance(kind, pl.List | pl.Struct)]
# plenty and one bucket, or few rows a bucket and every row read
EXAMPLES = 60
REGIMES = {
    "one bucket": (16, 16, 16),
    "several": (2, 16, 16),
    "all read": (16, 0, 16),
    "all read in several": (2, 0, 2),
}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two tables of the same columns; some rows of the second are rows of the first, some with another cell."""
    kinds = [draw(st.sampled_from(FLAT)), *draw(st.lists(st.sampled_from(list(KINDS)), min_size=0, max_size=3))]
    rows = st.lists(st.tuples(*(st.none() | KINDS[kind] for kind in kinds)), max_size=6)
    left = draw(rows)
    right = [row for row in left if draw(st.integers(0, 5))]
    for number, row in enumerate(right):
        if not draw(st.integers(0, 2)):
            column = draw(st.integers(0, len(kinds) - 1))
            cell = draw(st.none() | KINDS[kinds[column]])
            right[number] = (*row[:column], cell, *row[column + 1 :])
    right = draw(st.permutations([*right, *draw(rows)[:2]]))
    schema = {f"c{number}": kind for number, kind in enumerate(kinds)}
    return pl.DataFrame(left, schema, orient="row"), pl.DataFrame(right, schema, orient="row")


def found_in(left: pl.DataFrame, right: pl.DataFrame, options: Options, regime: str) -> Any:
    hashes, few, rows = REGIMES[regime]
    with (
        patch.object(surveys, "HASHED_ROWS", hashes),
        patch.object(surveys, "_FEW", few),
        patch.object(tables_module, "_ROWS_A_BUCKET", rows),
    ):
        return diff_tables(left.lazy(), right.lazy(), options)


def check(found: Any, left: pl.DataFrame, right: pl.DataFrame, key: tuple[str, ...], tolerance: float) -> None:
    one, other = left.to_dicts(), right.to_dicts()
    expected = brute.compare(one, other, key, tolerance)
    assert (found.rows.left, found.rows.right) == (left.height, right.height)
    assert (found.rows.only_left, found.rows.only_right) == expected["only"]
    assert found.rows.changed == expected["changed"]
    assert {column.name: column.changed for column in found.columns if column.changed} == expected["cells"]
    gaps = {c.name: c.max_abs_diff for c in found.columns if c.max_abs_diff is not None}
    assert {name: gap for name, gap in gaps.items() if left.schema[name].is_numeric()} == expected["largest"]
    assert found.equal == (expected["only"] == (0, 0) and not expected["changed"])


@pytest.mark.parametrize("regime", REGIMES)
@settings(deadline=None, max_examples=EXAMPLES)
@given(pairs(), st.sampled_from([0.0, 0.25, 1.0]), st.data())
def test_a_given_key(
    regime: str, tables: tuple[pl.DataFrame, pl.DataFrame], tolerance: float, data: st.DataObject
) -> None:
    left, right = tables
    flat = [name for name, kind in left.schema.items() if not kind.is_nested()]
    key = tuple(data.draw(st.lists(st.sampled_from(flat), min_size=1, max_size=2, unique=True)))
    found = found_in(left, right, Options(key, Tolerance(tolerance)), regime)
    check(found, left, right, key, tolerance)
    counts = [brute.repeated(side.to_dicts(), key) for side in (left, right)]
    assert [found.key.repeated_left, found.key.repeated_right] == counts


@pytest.mark.parametrize("regime", REGIMES)
@settings(deadline=None, max_examples=EXAMPLES)
@given(pairs())
def test_a_key_that_is_found(regime: str, tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    left, right = tables
    found = found_in(left, right, Options(), regime)
    candidates = [name for name, kind in left.schema.items() if not kind.is_nested() and not kind.is_float()]
    possible = brute.best_keys(left.to_dicts(), right.to_dicts(), candidates)
    assert found.key.columns in possible if possible else found.key.columns == ()
    check(found, left, right, found.key.columns, 0.0)


@settings(deadline=None, max_examples=EXAMPLES)
@given(pairs(), st.data())
def test_samples_are_cells_and_rows_that_differ(tables: tuple[pl.DataFrame, pl.DataFrame], data: st.DataObject) -> None:
    left, right = tables
    most = data.draw(st.integers(0, 3))
    found = diff_tables(left.lazy(), right.lazy(), Options(samples=most))
    for kind, count in (("only_left", found.rows.only_left), ("only_right", found.rows.only_right)):
        assert sum(sample.kind == kind for sample in found.samples) == min(count, most)
    for column in found.columns:
        shown = [sample for sample in found.samples if sample.column == column.name]
        assert len(shown) == min(column.changed, most)
        assert all(brute.is_changed(sample.left, sample.right, 0.0) for sample in shown)


@settings(deadline=None, max_examples=EXAMPLES)
@given(pairs(), st.randoms(use_true_random=False))
def test_a_table_is_equal_to_itself_in_any_order(tables: tuple[pl.DataFrame, pl.DataFrame], chance: Any) -> None:
    rows, columns = list(range(tables[0].height)), list(tables[0].columns)
    chance.shuffle(rows)
    chance.shuffle(columns)
    found = diff_tables(tables[0].lazy(), tables[0][rows].select(columns).lazy())
    assert found.equal
    assert (found.samples, found.schema.types) == ((), ())
