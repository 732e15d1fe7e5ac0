"""Local days and weeks, run by the local runner: tables, windows, backfills, staleness, and waiting for one another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from counterpoint.cli.main import main
from counterpoint.model import partition_of
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.waits import satisfied
from counterpoint.storage import Store

if TYPE_CHECKING:
    from pathlib import Path


def store_of(root: Path, name: str) -> Store:
    return Store(str(root), find_pipeline(f"almanac:{name}"))


def called(capsys: pytest.CaptureFixture[str], root: Path, *words: str) -> dict:
    assert main([*words, "--root", str(root), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def standing(capsys: pytest.CaptureFixture[str], root: Path, name: str, key: str) -> dict[str, str]:
    told = called(capsys, root, "status", f"almanac:{name}", "--from", key, "--to", key)
    return {step: state for partition in told["partitions"] for step, state in partition["steps"].items()}


@pytest.mark.parametrize(
    ("name", "first", "last", "hours"),
    [
        ("days", "2026-03-28", "2026-03-30", {"2026-03-28": 24, "2026-03-29": 23, "2026-03-30": 24}),
        ("days", "2026-10-24", "2026-10-25", {"2026-10-24": 24, "2026-10-25": 25}),
        ("weeks", "2026-03-16", "2026-03-30", {"2026-03-16": 168, "2026-03-23": 167, "2026-03-30": 168}),
    ],
)
def test_a_backfill_makes_every_local_partition(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, first: str, last: str, hours: dict[str, int]
) -> None:
    told = called(capsys, tmp_path, "backfill", f"almanac:{name}", "--from", first, "--to", last)
    assert [(one["date"], one["status"]) for one in told["partitions"]] == [(key, "success") for key in hours]
    store = Store(str(tmp_path), find_pipeline(f"almanac:{name}"), told["version"])
    for key, count in hours.items():
        entry = store.entry("rows", key)
        assert entry
        assert entry.reference.rows == count
    read = store.entry("lengths", last)
    assert read
    assert store.read(read.reference) == dict(list(hours.items())[-2:])
    table = store.entry("rows", last)
    assert table
    frame = store.read(table.reference)
    assert isinstance(frame, pl.DataFrame)
    assert set(frame["day"]) == {last}


def test_a_key_that_covers_another_interval_is_stale(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    called(capsys, tmp_path, "run", "almanac:days", "--date", "2026-03-29")
    assert set(standing(capsys, tmp_path, "days", "2026-03-29").values()) == {"fresh"}
    assert standing(capsys, tmp_path, "moved", "2026-03-29")["rows"] == "stale"
    called(capsys, tmp_path, "run", "almanac:moved", "--date", "2026-03-29")
    entry = store_of(tmp_path, "moved").entry("rows", "2026-03-29")
    assert entry
    assert entry.reference.rows == 24


def test_what_shares_time_is_waited_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    day = find_pipeline("almanac:utc").partitions.partition("2026-03-30")
    local, week = partition_of("almanac:days", "rows"), partition_of("almanac:weeks", "rows")
    store = store_of(tmp_path, "utc")
    # a day of UTC ends at 02:00 of the next day in Berlin: both are needed
    for key in ("2026-03-30", "2026-03-31"):
        assert not satisfied(local, day, store)
        called(capsys, tmp_path, "run", "almanac:days", "--date", key)
    assert satisfied(local, day, store)
    assert not satisfied(week, day, store)
    called(capsys, tmp_path, "run", "almanac:weeks", "--date", "2026-03-30")
    assert satisfied(week, day, store)
