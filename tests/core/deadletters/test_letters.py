"""Rejected rows are kept with reason, origin, run and the time when they came, and as they were."""

from __future__ import annotations

import json
from math import isnan
from typing import TYPE_CHECKING

import polars as pl
import pytest
from letterbox import CHECKED, letterbox

from counterpoint.deadletters import all_letters, keep
from counterpoint.deadletters.dead_letter_store import rows_as_they_were
from counterpoint.storage import Store

if TYPE_CHECKING:
    from pathlib import Path

DAY, OTHER = "2026-01-03", "2026-01-04"
REJECTED = pl.DataFrame({"x": [1, 2], "reason": ["r", "s"], "origin": ["f.csv:2", "f.csv:3"]})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "data"), letterbox)


def letters(store: Store, day: str = DAY) -> list[dict[str, object]]:
    return all_letters(store, "checked", day).to_dicts()


def test_the_row_its_reason_its_origin_and_the_run(store: Store) -> None:
    assert keep(store, CHECKED, DAY, REJECTED, "run-1") == 2
    first = letters(store)[0]
    assert (first["reason"], first["origin"], first["run_id"]) == ("r", "f.csv:2", "run-1")
    assert json.loads(str(first["row"])) == {"x": 1, "reason": "r", "origin": "f.csv:2"}


def test_another_attempt_replaces_the_first_and_its_rows_keep_their_time(store: Store) -> None:
    for day in (DAY, OTHER):
        keep(store, CHECKED, day, REJECTED, "run-1")
    before = letters(store)
    keep(store, CHECKED, DAY, REJECTED[1:], "run-2")
    assert [(letter["run_id"], letter["since"]) for letter in letters(store)] == [("run-2", before[1]["since"])]
    assert len(letters(store, OTHER)) == 2
    keep(Store(store.root, letterbox, "v2"), CHECKED, DAY, REJECTED, "run-3")
    kept = all_letters(store, "checked", DAY)
    assert kept["since"].to_list() == [before[1]["since"]]


@pytest.mark.parametrize("none", [REJECTED.clear(), pl.DataFrame()], ids=["no rows", "no columns"])
def test_an_attempt_without_bad_rows_leaves_none(store: Store, none: pl.DataFrame) -> None:
    assert keep(store, CHECKED, DAY, none, "run-1") == 0
    assert store.list("dead_letters") == []
    keep(store, CHECKED, DAY, REJECTED, "run-1")
    assert keep(store, CHECKED, DAY, none, "run-2") == 0
    assert letters(store) == []


def test_rows_are_kept_as_they_were(store: Store) -> None:
    """JSON knows neither NaN nor moments, so what is tried again does not come from it."""
    moments = pl.Series([1, 2, 3]).cast(pl.Datetime("us", "UTC"))
    rows = pl.DataFrame({"f": [float("nan"), 0.1, None], "t": moments, "l": [[1], [], None], "b": [b"\xff", b"", None]})
    keep(store, CHECKED, DAY, rows, "run-1")
    names, found = rows_as_they_were(store, "production", "checked", DAY)
    assert isnan(found["f"][0])
    assert found.equals(rows)
    assert names == [letter["id"] for letter in letters(store)]


def test_on_s3_as_on_a_disk(bucket: str) -> None:
    far = Store(bucket, letterbox)
    assert keep(far, CHECKED, DAY, REJECTED.clear(), "run") == 0
    assert keep(far, CHECKED, DAY, REJECTED, "run") == 2
    assert [letter["reason"] for letter in letters(far)] == ["r", "s"]
    assert rows_as_they_were(far, "production", "checked", DAY)[1].equals(REJECTED)
