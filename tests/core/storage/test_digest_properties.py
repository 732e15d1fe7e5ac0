"""Properties of digests that hold for any frame."""

from __future__ import annotations

import tempfile
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shelves import save, shelf

from counterpoint.storage import content_digest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
KINDS: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int64: st.integers(-3, 3),
    pl.Float64: st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")]),
    pl.String: TEXT,
    pl.Binary: st.binary(max_size=3),
    pl.Boolean: st.booleans(),
    pl.List(pl.String): st.lists(st.none() | TEXT, max_size=3),
    pl.Struct({"a": pl.Float64, "b": pl.List(pl.Int64)}): st.fixed_dictionaries(
        {"a": st.none() | st.sampled_from([0.0, -0.0, float("nan")]), "b": st.none() | st.lists(st.integers(0, 2))}
    ),
}


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    height = draw(st.integers(1, 6))
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4))
    schema = {f"c{n}": kind for n, kind in enumerate(kinds)}
    values = [draw(st.lists(st.none() | KINDS[kind], min_size=height, max_size=height)) for kind in kinds]
    return pl.DataFrame(dict(zip(schema, values, strict=True)), schema=schema)


def seen(frame: pl.DataFrame) -> list[str]:
    """The rows as text, without regard to order and to the sign of zero; a reckoning of its own, not the product's."""
    return sorted(repr(row).replace("-0.0", "0.0") for row in frame.rows())


@given(frames(), st.randoms(use_true_random=False))
def test_no_order_of_rows_or_columns_matters(frame: pl.DataFrame, chance: Any) -> None:
    rows, columns = list(range(frame.height)), list(frame.columns)
    chance.shuffle(rows)
    chance.shuffle(columns)
    assert content_digest(frame[rows].select(columns)) == content_digest(frame)


@given(frames(), st.data())
def test_a_single_other_value_changes_it(frame: pl.DataFrame, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(frame.columns))
    value = data.draw(st.none() | KINDS[frame.schema[name]])
    row = data.draw(st.integers(0, frame.height - 1))
    values = frame[name].to_list()
    values[row] = value
    other = frame.with_columns(pl.Series(name, values, dtype=frame.schema[name]))
    assert (content_digest(other) == content_digest(frame)) == (seen(other) == seen(frame))


@given(frames(), frames())
def test_digests_are_equal_exactly_where_contents_are(one: pl.DataFrame, other: pl.DataFrame) -> None:
    same = one.schema == other.schema and seen(one) == seen(other)
    assert (content_digest(one) == content_digest(other)) == same


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames())
def test_what_is_read_has_the_digest_of_what_was_written(frame: pl.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as root:
        store = shelf(root)
        made = save(store, frame)
        assert made.digest == content_digest(frame) == content_digest(store.read(made))
