"""The key that is found: an identifier that each run makes anew is none, where other columns match the rows."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from counterpoint.diff import diff_tables

N = range(60)
REAL = {"user": [n // 6 for n in N], "day": [n % 6 for n in N]}


def compared(left: dict[str, Any], right: dict[str, Any]) -> Any:
    return diff_tables(pl.LazyFrame(left), pl.LazyFrame(right))


def values(change: int) -> list[int]:
    return [n + (n == change) for n in N]


@pytest.mark.parametrize(
    "surrogate",
    [
        lambda side, n: f"{side}{n}",
        lambda side, n: f"{side}{n}" if n else "first",
        lambda side, n: n * 2 + (side == "b"),
        lambda side, n: n + (40 if side == "b" else 0),
    ],
)
def test_an_identifier_of_each_run_is_no_key(surrogate: Any) -> None:
    sides = [{"row_id": [surrogate(side, n) for n in N], **REAL} for side in "ab"]
    found = compared({**sides[0], "v": values(-1)}, {**sides[1], "v": values(7)})
    assert found.key.columns == ("user", "day")
    assert (found.rows.only_left, found.rows.only_right) == (0, 0)
    assert {c.name: c.changed for c in found.columns}["v"] == 1


def test_an_identifier_beside_the_time_of_each_run() -> None:
    sides = [{"loaded": [f"{s}{n % 7}" for n in N], "id": [f"{s}{n}" for n in N], **REAL} for s in "ab"]
    found = compared({**sides[0], "v": values(-1)}, {**sides[1], "v": values(7)})
    assert found.key.columns == ("user", "day")


def test_an_identifier_that_matches_most_rows_is_the_key() -> None:
    found = compared({"id": list(N), **REAL}, {"id": [n + 20 for n in N], **REAL})
    assert (found.key.columns, found.rows.only_left) == (("id",), 20)


def test_where_nothing_matches_the_smallest_key_is_shown() -> None:
    found = compared({"id": [1, 2], "x": ["a", "b"]}, {"id": [3, 4], "x": ["c", "d"]})
    assert (found.key.columns, found.rows.only_left, found.rows.only_right) == (("id",), 2, 2)
