"""The rules by which cells, rows and schemas are compared, each by a case made by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from counterpoint.diff import Options, Rows, TableDiff, Tolerance, diff_tables
from counterpoint.errors import UsageError

NAN, INF = float("nan"), float("inf")
BERLIN = ZoneInfo("Europe/Berlin")


def diff(left: Any, right: Any, *key: str, tolerance: Tolerance | float = 0.0, samples: int = 10) -> TableDiff:
    one, other = (pl.DataFrame(side) if isinstance(side, dict) else side for side in (left, right))
    used = tolerance if isinstance(tolerance, Tolerance) else Tolerance(tolerance)
    return diff_tables(one.lazy(), other.lazy(), Options(key, used, samples))


def cells(left: Any, right: Any, kind: Any = None, **more: Any) -> tuple[int, float | None]:
    """How many of these values differ, matched by their place, and by how much at most."""
    sides = [pl.DataFrame({"id": range(len(values)), "x": pl.Series(values, dtype=kind)}) for values in (left, right)]
    found = diff(*sides, "id", **more)
    assert found.equal == (found.columns[1].changed == 0)
    return found.columns[1].changed, found.columns[1].max_abs_diff


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([None], [None]),
        ([NAN, -NAN], [-NAN, NAN]),
        ([0.0, -0.0], [-0.0, 0.0]),
        ([INF], [INF]),
        (["é☃", ""], ["é☃", ""]),
        ([[1.0, None, NAN], []], [[1.0, None, -NAN], []]),
        ([{"a": -0.0, "b": None}, None], [{"a": 0.0, "b": None}, None]),
        ([b"\0"], [b"\0"]),
        ([Decimal("1.10")], [Decimal("1.10")]),
    ],
)
def test_equal_values(left: list[Any], right: list[Any]) -> None:
    assert cells([*left, None], [*right, None]) == (0, None)


@pytest.mark.parametrize(
    ("left", "right", "largest"),
    [
        ([None], [NAN], None),
        ([None], [0.0], None),
        ([1.0, 5.0, 2.0], [1.5, 3.0, 2.0], 2.0),
        ([INF, 1.0], [-INF, 2.0], 1.0),
        ([INF], [1.0], None),
        ([NAN], [1.0], None),
        ([2**63 - 1], [-(2**63)], 2**64 - 1),
        (["a"], ["A"], None),
        (["é"], ["e\N{COMBINING ACUTE ACCENT}"], None),
        (["a", ""], ["a ", None], None),
        ([True], [False], None),
        ([[1, 2]], [[2, 1]], None),
        ([[None]], [[]], None),
        ([{"a": None}], [None], None),
        ([date(2026, 1, 1)], [date(2026, 1, 3)], 172_800.0),
        ([datetime(2026, 1, 1)], [datetime(2026, 1, 1, 0, 0, 0, 5)], 5e-6),  # noqa: DTZ001 - one without a zone
        ([timedelta(seconds=1)], [timedelta(seconds=3)], 2.0),
        ([time(10)], [time(11)], None),
        ([Decimal("1.10")], [Decimal("1.35")], 0.25),
    ],
)
def test_other_values(left: list[Any], right: list[Any], largest: float | None) -> None:
    changed = sum(one is not other and one != other for one, other in zip(left, right, strict=True))
    assert cells([*left, None], [*right, None]) == (changed, largest)


def test_moments_are_instants() -> None:
    utc = [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]
    both = ({"id": [1, 2], "at": pl.Series(v)} for v in (utc, [moment.astimezone(BERLIN) for moment in utc]))
    found = diff(*both)
    assert (found.equal, found.columns[1].changed) == (True, 0)
    assert [(t.name, t.compared) for t in found.schema.types] == [("at", True)]
    naive = pl.DataFrame({"id": [1, 2], "at": [moment.replace(tzinfo=None) for moment in utc]})
    assert [(t.name, t.compared) for t in diff({"id": [1, 2], "at": utc}, naive).schema.types] == [("at", False)]


@pytest.mark.parametrize(("tolerance", "changed"), [(0.0, 3), (0.25, 2), (0.2499, 3), (0.5, 1), (INF, 1)])
def test_a_tolerance_is_absolute_and_its_bound_is_within(tolerance: float, changed: int) -> None:
    assert cells([1.0, 1.0, 2.0, None], [1.25, 1.5, 2.0, 1.0], tolerance=tolerance)[0] == changed


def test_a_tolerance_is_of_numbers_and_may_be_of_one_column() -> None:
    left = {"id": [1, 2], "a": [1.0, 2.0], "n": [10, 20], "s": ["x", "y"]}
    right = {"id": [1, 2], "a": [1.1, 2.1], "n": [11, 20], "s": ["x", "z"]}
    found = diff(left, right, "id", tolerance=Tolerance(0.0, {"a": 0.5}))
    assert {c.name: (c.changed, c.tolerance) for c in found.columns} == {
        "id": (0, 0.0), "a": (0, 0.5), "n": (1, 0.0), "s": (1, 0.0)
    }  # fmt: skip
    assert [c.changed for c in diff(left, right, "id", tolerance=1.0).columns] == [0, 0, 0, 1]
    assert diff(left, right, "id", tolerance=1.0).rows.changed == 1


def test_a_key_is_matched_exactly_whatever_the_tolerance() -> None:
    found = diff({"id": [1, 5]}, {"id": [2, 5]}, "id", tolerance=10.0)
    assert found.rows == Rows(2, 2, 1, 1, 0)


def test_rows_of_one_side_and_changed_ones() -> None:
    found = diff({"id": [3, 1, 2], "x": ["c", "a", "b"]}, {"x": ["B", "a", "d"], "id": [2, 1, 4]})
    assert found.rows == Rows(3, 3, 1, 1, 1)
    assert found.key is not None
    assert (found.key.columns, found.key.found) == (("id",), True)
    assert [(s.kind, s.key, s.column, s.left, s.right) for s in found.samples] == [
        ("changed", {"id": 2}, "x", "b", "B"),
        ("only_left", {"id": 3}, None, {"id": 3, "x": "c"}, None),
        ("only_right", {"id": 4}, None, None, {"id": 4, "x": "d"}),
    ]


def test_a_key_of_two_columns_with_nulls() -> None:
    left = {"a": [1, 1, None], "b": ["x", "y", None], "v": [1, 2, 3]}
    found = diff(left, {**left, "v": [1, 2, 4]}, "a", "b")
    assert (found.rows, found.samples[0].key) == (Rows(3, 3, 0, 0, 1), {"a": None, "b": None})


def test_rows_of_a_repeated_key_are_compared_as_wholes() -> None:
    left = {"k": [1, 1, 1, 2, 3], "v": [10, 10, 11, 20, 30]}
    right = {"k": [1, 1, 2, 3, 3], "v": [10, 12, 21, 30, 30]}
    found = diff(left, right, "k")
    assert found.rows == Rows(5, 5, 2, 2, 1)
    assert found.key is not None
    assert (found.key.repeated_left, found.key.repeated_right) == (1, 2)
    assert found.key.examples == ({"k": 1}, {"k": 3})
    only = [(s.kind, s.left or s.right) for s in found.samples if s.column is None]
    assert only == [
        ("only_left", {"k": 1, "v": 10}),
        ("only_left", {"k": 1, "v": 11}),
        ("only_right", {"k": 1, "v": 12}),
        ("only_right", {"k": 3, "v": 30}),
    ]


def test_without_a_key_rows_are_wholes() -> None:
    found = diff({"x": [1, 1, 2], "y": [0.5] * 3}, {"x": [2, 1, 2], "y": [0.5] * 3})
    assert found.rows == Rows(3, 3, 1, 1, 0)
    assert found.key is not None
    assert (found.key.columns, found.samples[0].key) == ((), {})


def test_of_several_keys_that_is_found_by_which_most_rows_match() -> None:
    found = diff({"amount": [5, 7, 9], "id": [1, 2, 3]}, {"amount": [6, 8, 10], "id": [3, 2, 1]})
    assert found.key is not None
    assert (found.key.columns, found.rows.changed) == (("id",), 3)
    pair = {"day": [1, 1, 2, 2], "user": ["a", "b", "a", "b"], "score": [0.1, 0.2, 0.3, 0.4]}
    # a float is never a key
    assert getattr(diff(pair, pair).key, "columns", None) == ("day", "user")


def test_columns_of_one_side_are_a_difference_and_the_others_are_compared() -> None:
    found = diff({"id": [1], "x": [1], "old": [1]}, {"new": ["a"], "x": [2], "id": [1]})
    assert (found.schema.only_left, found.schema.only_right) == (("old",), ("new",))
    assert (found.equal, [(c.name, c.changed) for c in found.columns]) == (False, [("id", 0), ("x", 1)])
    assert not diff({"id": [1], "x": [1]}, {"id": [1]}).equal


def test_tables_without_a_common_column() -> None:
    found = diff({"a": [1, 2]}, {"b": [1]})
    assert (found.rows, found.columns, found.equal) == (Rows(2, 1, 2, 1), (), False)


ALIKE: list[tuple[Any, Any]] = [
    (pl.Int8, pl.Int64), (pl.UInt32, pl.Int16), (pl.UInt64, pl.Int64), (pl.Float32, pl.Float64),
    (pl.String, pl.Categorical), (pl.Enum(["0", "1"]), pl.String), (pl.Decimal(9, 2), pl.Decimal(12, 4)),
    (pl.Datetime("ms"), pl.Datetime("us")), (pl.Duration("ns"), pl.Duration("us")),
    (pl.List(pl.Int8), pl.List(pl.Int64)),
    (pl.Struct({"a": pl.Int8}), pl.Struct({"a": pl.Int64})), (pl.Array(pl.Int8, 1), pl.List(pl.Int8)),
    (pl.Null, pl.Int8), (pl.Null, pl.String),
]  # fmt: skip
UNLIKE: list[tuple[Any, Any]] = [
    (pl.Int64, pl.Float64), (pl.Int64, pl.String), (pl.String, pl.Binary), (pl.Date, pl.Datetime("us")),
    (pl.Datetime("us"), pl.Datetime("us", "UTC")), (pl.Boolean, pl.Int8), (pl.List(pl.Int8), pl.Int8),
    (pl.Struct({"a": pl.Int8}), pl.Struct({"b": pl.Int8})), (pl.Array(pl.Int8, 1), pl.Array(pl.Int8, 2)),
    (pl.List(pl.Int8), pl.List(pl.String)),
]  # fmt: skip


def typed(kind: Any) -> pl.DataFrame:
    return pl.DataFrame({"id": [1], "x": pl.Series([None], dtype=kind)})


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_types_that_are_alike_are_named_and_compared(one: Any, other: Any) -> None:
    for left, right in ((one, other), (other, one)):
        found = diff(typed(left), typed(right))
        assert [(t.name, t.compared) for t in found.schema.types] == [("x", True)]
        assert (found.equal, [c.name for c in found.columns]) == (True, ["id", "x"])


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_types_that_are_not_alike_are_a_difference(one: Any, other: Any) -> None:
    for left, right in ((one, other), (other, one)):
        found = diff(typed(left), typed(right))
        assert [(t.name, t.compared) for t in found.schema.types] == [("x", False)]
        assert (found.equal, [c.name for c in found.columns]) == (False, ["id"])


def test_values_are_compared_across_widths() -> None:
    big = pl.DataFrame({"id": [1, 2], "x": pl.Series([2**64 - 1, 3], dtype=pl.UInt64)})
    found = diff(big, {"id": [1, 2], "x": [-1, 3]}, "id")
    assert (found.columns[1].changed, found.columns[1].max_abs_diff) == (1, 2**64)
    narrow = pl.DataFrame({"id": [1, 2], "x": pl.Series([0.5, 0.1], dtype=pl.Float32)})
    assert diff(narrow, {"id": [1, 2], "x": [0.5, 0.1]}, "id").columns[1].changed == 1
    text = pl.DataFrame({"id": [1, 2], "x": pl.Series(["p", "q"], dtype=pl.Categorical)})
    assert diff(text, {"id": [1, 2], "x": ["p", "r"]}, "id").columns[1].changed == 1


def test_columns_of_nulls_alone() -> None:
    nulls = pl.DataFrame({"id": [1], "x": [None]})
    assert diff(nulls, nulls).equal
    assert diff(nulls, {"id": [1], "x": [5]}).columns[1].changed == 1


def test_empty_tables() -> None:
    empty = pl.DataFrame(schema={"id": pl.Int64, "x": pl.Float64})
    assert diff(empty, empty).equal
    found = diff(empty, {"id": [1], "x": [0.5]})
    assert found.rows == Rows(0, 1, 0, 1, 0)
    assert diff(pl.DataFrame(), pl.DataFrame()).equal


def test_names_of_columns_are_in_nobodys_way() -> None:
    left = {"key": [1, 2], "row": [1, 2], "v0": ["a", "b"], "v0_right": [1, 1], "bucket": [0, 0], "is_v0": [1, 2]}
    found = diff(left, {**left, "v0": ["a", "c"]}, "key")
    assert [(c.name, c.changed) for c in found.columns if c.changed] == [("v0", 1)]


@pytest.mark.parametrize(
    ("key", "tolerance", "said"),
    [
        (("nope",), {}, "--key nope: the left table has no such column, it has id, x, l"),
        (("y",), {}, "--key y: the left table has no such column"),
        (("x",), {}, "--key x is Int64 left and String right: cast one, or choose another"),
        (("l",), {}, r"--key l is List\(Int64\): take columns of plain values"),
        ((), {"y": 1.0}, "--tolerance y: the left table has no such column"),
        ((), {"l": 1.0}, "--tolerance l is List.*only a column of numbers has a tolerance"),
    ],
)
def test_a_key_or_tolerance_that_does_not_fit(key: tuple[str, ...], tolerance: dict[str, float], said: str) -> None:
    left, right = {"id": [1], "x": [1], "l": [[1]]}, {"id": [1], "x": ["1"], "l": [[1]], "y": [1]}
    with pytest.raises(UsageError, match=said):
        diff(left, right, *key, tolerance=Tolerance(0.0, tolerance))
