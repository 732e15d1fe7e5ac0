"""The digest of a table's content: what it depends on, and what it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from counterpoint.storage import content_digest, json_digest

if TYPE_CHECKING:
    from conftest import Scripts

FRAME = pl.DataFrame(
    {
        "name": ["a", "b", None, "b"],
        "count": [1, 2, 3, 2],
        "share": [0.5, float("nan"), None, 1.0],
        "at": [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)],
        "kind": pl.Series(["p", "q", "p", None], dtype=pl.Categorical),
        "days": [[1, 2], [], None, [None]],
        "pair": [{"l": 1.5, "r": b"x"}, None, {"l": None, "r": b""}, {"l": 2.0, "r": None}],
    }
)
NAN = float("nan")

SAME: dict[str, tuple[list[Any], list[Any]]] = {
    "rows in another order": ([1, 2, None], [None, 2, 1]),
    "minus zero": ([0.0], [-0.0]),
    "minus zero in a list": ([[0.0]], [[-0.0]]),
    "nan of another sign": ([NAN], [-NAN]),
}
DIFFERENT: dict[str, tuple[list[Any], list[Any]]] = {
    "null and zero": ([None, 1], [0, 1]),
    "null and empty": ([None, "a"], ["", "a"]),
    "null and nan": ([None, 1.0], [NAN, 1.0]),
    "null and nan in a list": ([[None, 1.0]], [[NAN, 1.0]]),
    "null and empty list": ([None, [1]], [[], [1]]),
    "where a text ends": (["ab", "c"], ["a", "bc"]),
    "where a list ends": ([[1, 2], [3]], [[1], [2, 3]]),
    "a list and its only null": ([[None], [1]], [[], [1]]),
    "a struct and its nulls": ([{"a": None}, {"a": 1}], [None, {"a": 1}]),
    "bytes in a list": ([[b"x"]], [[b"y"]]),
    "how often a row is there": ([1, 1, 2], [1, 2, 2]),
    "one more row": ([1], [1, 1]),
    "text and bytes": (["a"], [b"a"]),
}


def digest(values: list[Any], kind: Any = None) -> str:
    return content_digest(pl.DataFrame({"x": pl.Series(values, dtype=kind)}))


@pytest.mark.parametrize("name", SAME)
def test_equal_contents_have_equal_digests(name: str) -> None:
    assert digest(SAME[name][0]) == digest(SAME[name][1])


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_contents_have_different_digests(name: str) -> None:
    assert digest(DIFFERENT[name][0]) != digest(DIFFERENT[name][1])


def test_rows_columns_and_chunks_may_come_in_any_order() -> None:
    shuffled = pl.concat([FRAME[2:], FRAME[:2]], rechunk=False).select(reversed(FRAME.columns))
    assert shuffled["count"].n_chunks() == 2
    assert content_digest(shuffled) == content_digest(FRAME)


def test_a_slice_is_digested_by_what_it_shows() -> None:
    assert content_digest(FRAME[1:3]) == content_digest(pl.DataFrame(FRAME[1:3].to_dicts(), schema=FRAME.schema))
    assert content_digest(FRAME[1:3]) != content_digest(FRAME)


@pytest.mark.parametrize("column", FRAME.columns)
def test_a_changed_value_in_any_column_changes_it(column: str) -> None:
    other = FRAME.with_columns(pl.col(column).shift(1))
    assert content_digest(other) != content_digest(FRAME)


@pytest.mark.parametrize("column", FRAME.columns)
def test_the_name_of_any_column_counts(column: str) -> None:
    assert content_digest(FRAME.rename({column: "other"})) != content_digest(FRAME)
    assert content_digest(FRAME.drop(column)) != content_digest(FRAME)


def test_two_columns_that_swap_their_names_are_another_table() -> None:
    frame = pl.DataFrame({"a": [1], "b": [2]})
    assert content_digest(frame.rename({"a": "b", "b": "a"})) != content_digest(frame)


KINDS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Float32, pl.Float64, pl.Boolean, pl.String)


def test_the_same_values_of_another_type_are_another_table() -> None:
    assert len({digest([0, 1], pl.Int64), *(content_digest(pl.DataFrame({"x": [0, 1]}).cast(k)) for k in KINDS)}) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_the_type_counts_also_where_there_are_no_rows(kind: Any) -> None:
    others = {digest([], other) for other in KINDS if other != kind}
    assert digest([], kind) not in others


def test_what_a_null_hides_does_not_count() -> None:
    hidden = pl.DataFrame({"x": [1, 2]}).select(pl.when(pl.col("x") > 1).then(pl.struct("x")).alias("s"))
    assert content_digest(hidden) == content_digest(pl.DataFrame({"s": [None, {"x": 2}]}))


def test_another_process_with_other_seeds_and_threads_finds_the_same(scripts: Scripts) -> None:
    code = "from test_digests import FRAME, content_digest\nprint(content_digest(FRAME))"
    returned, out, err = scripts.run(code, PYTHONHASHSEED="77", POLARS_MAX_THREADS="1")
    assert (returned, out.strip()) == (0, content_digest(FRAME)), err


def test_a_json_value_is_digested_whatever_the_order_of_its_keys() -> None:
    assert json_digest({"a": 1, "b": [1, 2]}) == json_digest({"b": [1, 2], "a": 1})
    assert json_digest({"a": 1, "b": [1, 2]}) != json_digest({"a": 1, "b": [2, 1]})
    with pytest.raises(ValueError, match="JSON compliant"):
        json_digest(NAN)
