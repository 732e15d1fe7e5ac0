"""Every type a step could use comes back as it was, or as the documented wider one, or is refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from shelves import save

from counterpoint.errors import StepError
from counterpoint.storage import content_digest

if TYPE_CHECKING:
    from counterpoint.storage import Store

MOMENT = datetime(2026, 1, 3, 4, 5, 6, 789000, tzinfo=UTC)
NAN, INFINITE = float("nan"), float("inf")
PAIR = pl.Struct({"a": pl.Int64, "b": pl.List(pl.String)})

KEPT: dict[str, pl.Series] = {
    **{str(kind): pl.Series([-1, 0, None, 100], dtype=kind) for kind in (pl.Int8, pl.Int16, pl.Int32, pl.Int64)},
    **{str(kind): pl.Series([-1.5, 0.0, INFINITE, NAN, None], dtype=kind) for kind in (pl.Float32, pl.Float64)},
    "largest": pl.Series([-(2**63), 2**63 - 1]),
    "bool": pl.Series([False, True, None]),
    "string": pl.Series(["", "\0", "a'b\"c", "é😀", None]),
    "categorical": pl.Series(["a", "b", None], dtype=pl.Categorical),
    "enum": pl.Series(["b", "a", None], dtype=pl.Enum(["b", "a"])),
    "date": pl.Series([date(1969, 12, 31), date(2026, 1, 3), None]),
    "us": pl.Series([MOMENT, None], dtype=pl.Datetime("us", "UTC")),
    "no zone": pl.Series([MOMENT.replace(tzinfo=None), None], dtype=pl.Datetime("us")),
    "decimal": pl.Series([Decimal("-1.25"), Decimal("3.50"), None], dtype=pl.Decimal(10, 2)),
    "list": pl.Series([[], [1, None], None], dtype=pl.List(pl.Int64)),
    "lists": pl.Series([[], [[1.5], [], None], None], dtype=pl.List(pl.List(pl.Float64))),
    "list of binary": pl.Series([[b"\xff"], None], dtype=pl.List(pl.Binary)),
    "struct": pl.Series([{"a": 1, "b": ["x"]}, {"a": None, "b": []}, None], dtype=PAIR),
    "binary": pl.Series([b"", b"\xff\x00", None]),
    "nothing": pl.Series([None, None], dtype=pl.Null),
}

WIDENED: dict[str, tuple[pl.Series, Any]] = {
    "u8": (pl.Series([0, 255, None], dtype=pl.UInt8), pl.Int16),
    "u16": (pl.Series([0, 65535, None], dtype=pl.UInt16), pl.Int32),
    "u32": (pl.Series([0, 2**32 - 1, None], dtype=pl.UInt32), pl.Int64),
    "u64": (pl.Series([0, 2**63 - 1, None], dtype=pl.UInt64), pl.Int64),
    "ms": (pl.Series([MOMENT, None], dtype=pl.Datetime("ms", "UTC")), pl.Datetime("us", "UTC")),
    "ns": (pl.Series([MOMENT, None], dtype=pl.Datetime("ns", "UTC")), pl.Datetime("us", "UTC")),
    "local": (pl.Series([MOMENT], dtype=pl.Datetime("us", "Europe/London")), pl.Datetime("us", "UTC")),
    "array": (pl.Series([[1, 2], None], dtype=pl.Array(pl.Int64, 2)), pl.List(pl.Int64)),
    "arrays": (pl.Series([[[1], [2]]], dtype=pl.Array(pl.Int64, (2, 1))), pl.List(pl.List(pl.Int64))),
    "inside": (pl.Series([[255], None], dtype=pl.List(pl.UInt8)), pl.List(pl.Int16)),
}

REFUSED: dict[str, pl.Series] = {
    "time": pl.Series([time(1, 2, 3)]),
    "duration": pl.Series([timedelta(seconds=3)]),
    "in a struct": pl.Series([{"a": timedelta(seconds=3)}]),
    "i128": pl.Series([1], dtype=pl.Int128),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_column_comes_back_as_it_was(store: Store, name: str) -> None:
    frame = KEPT[name].alias("x").to_frame().with_row_index("at").cast({"at": pl.Int64})
    save(store, frame[:1])
    made = save(store, frame)  # another commit on the same table must keep the type too
    read = store.read(made)
    assert_frame_equal(read.sort("at"), frame, check_row_order=True)
    assert made.digest == content_digest(read) == content_digest(frame)
    assert made.rows == frame.height


@pytest.mark.parametrize("name", WIDENED)
def test_what_delta_has_no_type_for_comes_back_wider_with_the_same_values_and_digest(store: Store, name: str) -> None:
    given, kind = WIDENED[name]
    frame = given.alias("x").to_frame()
    made = save(store, frame)
    read = store.read(made)
    assert read.schema == {"x": kind}
    assert_frame_equal(read, frame.cast({"x": kind}), check_row_order=False)
    # what is read must be what was digested, or nothing that compares digests could be believed
    assert made.digest == content_digest(read) == content_digest(frame)


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_table_keeps_is_refused_by_name_before_anything_is_written(store: Store, name: str) -> None:
    with pytest.raises(StepError, match=r"^column x is of type .*, which no table keeps: cast it"):
        save(store, REFUSED[name].alias("x").to_frame())
    assert store.list("tables") == []


def test_a_number_that_no_table_keeps_is_refused() -> None:
    with pytest.raises(StepError, match=r"no table keeps these numbers: .*column 'x'.*18446744073709551615.*cast them"):
        content_digest(pl.DataFrame({"x": [2**64 - 1]}, schema={"x": pl.UInt64}))


def test_minus_zero_and_any_nan_are_stored_as_one(store: Store) -> None:
    other_nan = pl.Series([-NAN, -0.0])
    read = store.read(save(store, other_nan.alias("x").to_frame()))
    assert str(sorted(read["x"].to_list(), key=str)) == "[0.0, nan]"


@pytest.mark.parametrize("name", sorted(set(KEPT) - {"categorical", "enum"}))
def test_an_empty_frame_keeps_its_columns_and_types(store: Store, name: str) -> None:
    empty = KEPT[name].alias("x").to_frame().clear()
    made = save(store, empty)
    assert made.rows == 0
    assert store.read(made).schema == empty.schema
    assert content_digest(store.read(made)) == made.digest


def test_a_frame_without_columns_is_a_table_of_nothing(store: Store) -> None:
    made = save(store, pl.DataFrame())
    assert store.read(made).shape == (0, 0)
