"""Tables wherever they lie: Delta at any version, Parquet files and folders, CSV; and what is none of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., tuple[int, Any, str]]

FRAME = pl.DataFrame({"id": [1, 2, 3], "x": [0.5, 1.5, None], "day": ["2026-01-01", "2026-01-02", "a b/%c"]})


def delta(place: Path, *frames: pl.DataFrame, **more: Any) -> Path:
    place.mkdir(parents=True)
    for frame in frames:
        write_deltalake(str(place), frame.to_arrow(compat_level=pl.CompatLevel.oldest()), mode="overwrite", **more)
    return place


def rows(document: Any) -> list[int]:
    return [document["rows"][name] for name in ("left", "right", "only_left", "only_right", "changed")]


def parquet(place: Path, frame: pl.DataFrame) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(place)
    return place


def test_every_format_against_every_other(tmp_path: Path, command: Command) -> None:
    FRAME.write_csv(tmp_path / "t.csv")
    places = [
        delta(tmp_path / "plain", FRAME),
        delta(tmp_path / "with space" / "parted", FRAME, partition_by=["day"]),
        parquet(tmp_path / "t.parquet", FRAME[::-1]),
        parquet(tmp_path / "folder" / "deep" / "one.parquet", FRAME[:1]).parents[1],
        tmp_path / "t.csv",
    ]
    parquet(tmp_path / "folder" / "two.parquet", FRAME[1:])
    for left in places:
        for right in places:
            code, document, told = command(left, right)
            assert (code, document["equal"], rows(document)) == (0, True, [3, 3, 0, 0, 0]), told


def test_versions_of_a_delta_table(tmp_path: Path, command: Command) -> None:
    place = delta(tmp_path / "t", FRAME, FRAME.with_columns(x=pl.col("x") + 1), FRAME)
    code, document, told = command(f"{place}@0", f"{place}@1", "--key", "id")
    assert (code, rows(document)) == (4, [3, 3, 0, 0, 2])
    share = document["columns"][1].pop("match_percent")
    assert document["columns"][1] == {"name": "x", "changed": 2, "max_abs_diff": 1.0, "tolerance": 0.0}
    assert share == pytest.approx(100 / 3)
    assert "different" in told
    assert command(f"{place}@0", place)[0] == 0
    code, document, told = command(f"{place}@7", place)
    assert (code, document) == (2, None)
    assert "has no version 7 (any more): the newest is 2" in told


def test_a_delta_table_as_it_was_at_a_time(tmp_path: Path, command: Command) -> None:
    place = delta(tmp_path / "t", FRAME, FRAME.with_columns(x=pl.col("x") + 1), FRAME.with_columns(x=pl.col("x") + 2))
    for version, log in enumerate(sorted((place / "_delta_log").glob("*.json"))):
        moment = int(datetime(2026, 1, 1 + version, 12, tzinfo=UTC).timestamp() * 1000)
        log.write_text(re.sub(r'"timestamp":\d+', f'"timestamp":{moment}', log.read_text(encoding="utf-8")))
    for moment, version in {
        "2026-01-01T12:00:00Z": 0,
        "2026-01-02": 0,
        "2026-01-02T13:00:00+01:00": 1,
        "2026-01-02T11:59:59Z": 0,
        "2026-01-03T12:00:00": 2,
        "2030-01-01": 2,
    }.items():
        assert command(f"{place}@{moment}", f"{place}@{version}", "--key", "id")[0] == 0
        assert command(f"{place}@{moment}", f"{place}@{(version + 1) % 3}", "--key", "id")[0] == 4
    code, _, told = command(f"{place}@2025-12-31", place)
    assert code == 2
    assert "has no version of 2025-12-31T00:00:00+00:00 (any more): its first commit is of 2026-01-01T12:00" in told
    code, _, told = command(f"{place}@2026-02-31", place)
    assert (code, "there is no such moment" in told) == (2, True)


def test_delta_tables_of_the_same_files_are_not_read(tmp_path: Path, command: Command) -> None:
    place = delta(tmp_path / "t", FRAME)
    for file in place.glob("*.parquet"):
        file.write_bytes(b"spoilt")
    code, document, _ = command(f"{place}@0", place, "--key", "id")
    assert (code, rows(document), document["key"]) == (0, [3, 3, 0, 0, 0], None)
    assert command(f"{place}@0", place, "--key", "nope")[0] == 2


def test_a_column_that_came_later(tmp_path: Path, command: Command) -> None:
    place = delta(tmp_path / "t", FRAME.drop("x"))
    write_deltalake(str(place), FRAME[:1].to_arrow(), mode="append", schema_mode="merge")
    whole = parquet(tmp_path / "w.parquet", pl.concat([FRAME.drop("x"), FRAME[:1]], how="diagonal"))
    assert command(place, whole)[0] == 0
    code, document, _ = command(f"{place}@0", place)
    assert (code, document["schema"]["only_right"]) == (4, ["x"])


def test_an_empty_delta_table(tmp_path: Path, command: Command) -> None:
    place = delta(tmp_path / "t", FRAME)
    DeltaTable(str(place)).delete()
    code, document, _ = command(place, f"{place}@0")
    assert (code, rows(document)) == (4, [0, 3, 0, 3, 0])


def test_folders_called_name_is_value_give_columns(tmp_path: Path, command: Command) -> None:
    parquet(tmp_path / "hive" / "kind=a" / "f.parquet", FRAME[:2])
    parquet(tmp_path / "hive" / "kind=b" / "f.parquet", FRAME[2:])
    whole = parquet(tmp_path / "w.parquet", FRAME.with_columns(kind=pl.Series(["a", "a", "b"])))
    assert command(tmp_path / "hive", whole)[0] == 0


def test_dates_and_moments_in_csv(tmp_path: Path, command: Command) -> None:
    (tmp_path / "t.csv").write_text("d,at,e\n2026-01-01,2026-01-01T10:00:00Z,é\n", encoding="utf-8")
    frame = pl.read_csv(tmp_path / "t.csv", try_parse_dates=True)
    assert [str(kind) for kind in frame.dtypes[:2]] == ["Date", "Datetime(time_unit='us', time_zone='UTC')"]
    assert command(tmp_path / "t.csv", parquet(tmp_path / "t.parquet", frame))[0] == 0


def bad(folder: Path) -> Path:
    delta(folder / "delta", FRAME)
    parquet(folder / "t.parquet", FRAME)
    (folder / "broken.parquet").write_bytes(b"PAR1 and nothing more")
    (folder / "cut.parquet").write_bytes((folder / "t.parquet").read_bytes()[:-20])
    (folder / "empty.csv").write_text("")
    (folder / "note.txt").write_text("x")
    (folder / "nothing").mkdir()
    return folder


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ("{0}/none.parquet", "{0}/t.parquet", "none.parquet does not exist: write a Delta folder"),
        ("{0}/none@3", "{0}/t.parquet", "none@3 does not exist"),
        ("{0}/broken.parquet", "{0}/t.parquet", "broken.parquet cannot be read: "),
        ("{0}/t.parquet", "{0}/cut.parquet", "cut.parquet cannot be read: "),
        ("{0}/empty.csv", "{0}/t.parquet", "empty.csv cannot be read: "),
        ("{0}/note.txt", "{0}/t.parquet", "note.txt is neither a folder nor a .parquet or .csv file"),
        ("{0}/nothing", "{0}/t.parquet", "nothing holds neither a Delta table nor a .parquet file"),
        ("{0}/t.parquet@1", "{0}/t.parquet", "only a Delta table has versions"),
        ("mysql://u@h/db?table=s.t", "{0}/t.parquet", "mysql:// is not read: export the table to Parquet"),
        (
            "postgresql://u:pass@127.0.0.1:9/db?table=s.t",
            "{0}/t.parquet",
            "postgresql://u:***@127.0.0.1:9/db?table=s.t",
        ),
        (
            "postgresql://u@127.0.0.1:9/db",
            "{0}/t.parquet",
            "names no table: write postgresql://USER@HOST/DATABASE?table",
        ),
        ("{0}/t.parquet", "streamrec@production", "streamrec@production a version: give two tables, two versions"),
        ("{0}/t.parquet", "no-such-run", "no run 'no-such-run': write a Delta folder"),
        ("streamrec", "streamrec", "is written streamrec@TAG"),
        ("streamrek@v2", "streamrec@v2", "did you mean 'streamrec'?"),
        ("streamrec@v9", "streamrec@production", "streamrec has no version 'v9': there are production"),
        ("streamrec@a b", "streamrec@production", "is no tag of a version"),
        ("streamrec@production", "streamrec@production", "has any output: run or backfill the pipeline first"),
    ],
)
def test_what_names_nothing(tmp_path: Path, command: Command, left: str, right: str, said: str) -> None:
    folder = bad(tmp_path / "bad")
    code, document, told = command(left.format(folder), right.format(folder))
    assert (code, document, len(told.splitlines())) == (2, None, 1)
    assert said in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--key", "nope"], "--key nope: the left table has no such column, it has id, x, day"),
        (["--key", "id,,x"], "--key id,,x: separate columns by commas, and name each once"),
        (["--key", "id,id"], "each once"),
        (["--key", ""], "separate columns by commas"),
        (["--tolerance", "much"], "--tolerance much: write a number of zero or more, or COLUMN=NUMBER"),
        (["--tolerance", "x=-1"], "--tolerance x=-1: write a number"),
        (["--tolerance", "nan"], "--tolerance nan: write a number"),
        (["--tolerance", "day=1"], "only a column of numbers has a tolerance"),
        (["--samples", "-1"], "--samples -1: give 0 or more"),
    ],
)
def test_options_that_are_wrong(tmp_path: Path, command: Command, words: list[str], said: str) -> None:
    place = parquet(tmp_path / "t.parquet", FRAME)
    code, document, told = command(place, place, *words)
    assert (code, document, len(told.splitlines())) == (2, None, 1)
    assert said in told


def test_options_are_heeded(tmp_path: Path, command: Command) -> None:
    left = parquet(tmp_path / "l.parquet", FRAME)
    right = parquet(tmp_path / "r.parquet", FRAME.with_columns(x=pl.col("x") + 0.25, id=pl.col("id") + 1))
    assert command(left, right, "--key", "day", "--tolerance", "1")[0] == 0
    code, document, _ = command(left, right, "--key", "day", "--tolerance", "x=0.1,1", "--samples", "1")
    assert (code, [c["tolerance"] for c in document["columns"]]) == (4, [1.0, 0.1, 0.0])
    assert [(s["key"], s["left"], s["right"]) for s in document["samples"]] == [({"day": "2026-01-01"}, 0.5, 0.75)]
    assert command(left, right, "--key", "day", "--samples", "0")[1]["samples"] == []
