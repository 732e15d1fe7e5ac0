"""What is compared, and when values are equal, by the options of the command; CSV files of other dialects."""

from __future__ import annotations

import bz2
import gzip
import math
from typing import TYPE_CHECKING, Any

import brute
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.diff import Options, Tolerance, diff_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    left = {"id": [1, 2, 3], "name": ["Ann", " Bob", "Cy"], "score": [100.0, 200.0, 0.0], "loaded": [1, 1, 1]}
    right = {"ID": [1, 2, 4], "Name": ["ANN", "bob ", "Di"], "score": [101.0, 200.5, 0.0], "loaded": [2, 2, 2]}
    return put(tmp_path / "l.parquet", left), put(tmp_path / "r.parquet", right)


def put(place: Path, columns: dict[str, Any]) -> Path:
    pl.DataFrame(columns).write_parquet(place)
    return place


BY_ID = ("--case-insensitive-names", "--key", "id")


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ((), {"name": 2, "score": 2, "loaded": 2}),
        (("--ignore", "loaded"), {"name": 2, "score": 2}),
        (("--ignore", "LOADED,Score"), {"name": 2}),
        (("--columns", "score"), {"score": 2}),
        (("--columns", "score,name", "--ignore", "name"), {"score": 2}),
        (("--columns", "name", "--ignore-case"), {"name": 1}),
        (("--columns", "name", "--ignore-space"), {"name": 2}),
        (("--columns", "name", "--ignore-space", "--ignore-case"), {}),
        (("--columns", "score", "--relative-tolerance", "0.01"), {}),
        (("--columns", "score", "--relative-tolerance", "0.0025"), {"score": 1}),
        (("--columns", "score", "--relative-tolerance", "score=0.0099"), {"score": 1}),
        (("--columns", "score", "--relative-tolerance", "0.0025", "--tolerance", "1"), {}),
    ],
)
def test_what_is_compared_and_how(
    sides: tuple[Path, Path], command: Command, words: tuple[str, ...], changed: dict[str, int]
) -> None:
    code, document, told = command(*sides, *BY_ID, *words)
    assert code == 4, told
    assert {column["name"]: column["changed"] for column in document["columns"] if column["changed"]} == changed
    assert document["schema"] == {"equal": True, "only_left": [], "only_right": [], "types": []}
    assert (document["rows"]["only_left"], document["rows"]["only_right"]) == (1, 1)


def test_the_share_of_equal_cells(sides: tuple[Path, Path], command: Command) -> None:
    _, document, _ = command(*sides, *BY_ID)
    assert [c["match_percent"] for c in document["columns"]] == [100.0, 0.0, 0.0, 0.0]
    _, document, _ = command(sides[0], sides[0])
    assert [c["match_percent"] for c in document["columns"]] == [100.0] * 4
    _, document, _ = command(*sides, "--columns", "loaded")
    assert [c["match_percent"] for c in document["columns"]] == [None]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--columns", "nam"), "--columns nam: neither table has such a column; did you mean 'name'?"),
        (("--ignore", "x"), "--ignore x: neither table has such a column; there are id, name"),
        (("--ignore", "id", "--key", "id"), "--ignore id: it is a column of --key"),
        (("--columns", "a,,b"), "--columns a,,b: separate columns by commas"),
        (("--relative-tolerance", "-1"), "--relative-tolerance -1: write a number of zero or more"),
        (("--relative-tolerance", "name=1", "--case-insensitive-names"), "--relative-tolerance name is String"),
        (("--rows", "x.txt"), "--rows x.txt: name a .csv or .parquet file"),
        (("--html", "x.htm"), "--html x.htm: name a .html file"),
        (("--separator", "ab"), "the separator 'ab' is none"),
        (("--separator", '"'), "is none: write one character"),
        (("--encoding", "latin-99"), "the encoding 'latin-99' is not known"),
        (("--encoding", "base64"), "the encoding 'base64' is not known"),
        (("--separator", ";", "--separator", ";", "--separator", ";"), "--separator is given 3 times"),
    ],
)
def test_an_option_that_does_not_fit_is_named(
    sides: tuple[Path, Path], command: Command, words: tuple[str, ...], said: str
) -> None:
    code, document, told = command(*sides, *words)
    assert (code, document) == (2, None)
    assert said in told


def test_names_that_differ_in_case_alone_within_a_table_are_refused(tmp_path: Path, command: Command) -> None:
    left, right = put(tmp_path / "l.parquet", {"a": [1], "A": [1]}), put(tmp_path / "r.parquet", {"a": [1]})
    code, _, told = command(left, right, "--case-insensitive-names")
    assert code == 2
    assert "the left table has the columns 'a' and 'A'; rename one" in told


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_all_differing_rows_are_written(
    sides: tuple[Path, Path], command: Command, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / "out" / f"rows.{ending}"
    code, _, told = command(*sides, *BY_ID, "--columns", "score", "--rows", file, "--samples", "0")
    rows = pl.read_csv(file) if ending == "csv" else pl.read_parquet(file)
    assert (code, rows.columns) == (4, ["kind", "id.left", "id.right", "score.left", "score.right"]), told
    assert rows.rows() == [
        ("only_left", 3, None, 0.0, None),
        ("only_right", None, 4, None, 0.0),
        ("changed", 1, 1, 100.0, 101.0),
        ("changed", 2, 2, 200.0, 200.5),
    ]
    assert command(sides[0], sides[0], "--rows", file)[0] == 0
    assert (pl.read_csv(file) if ending == "csv" else pl.read_parquet(file)).is_empty()
    assert list(file.parent.iterdir()) == [file]


def test_rows_of_any_type_are_written(tmp_path: Path, command: Command) -> None:
    columns = {"id": [1], "l": [[1, 2]], "s": [{"a": None}], "b": [b"\xff"], "x": pl.Series([2**100], dtype=pl.Int128)}
    left, right = put(tmp_path / "l.parquet", columns), put(tmp_path / "r.parquet", {**columns, "l": [[1]]})
    for ending in ("csv", "parquet"):
        assert command(left, right, "--rows", tmp_path / f"rows.{ending}")[0] == 4
    row = pl.read_csv(tmp_path / "rows.csv", infer_schema=False).row(0, named=True)
    assert (row["l.left"], row["l.right"], row["s.left"], row["b.left"]) == ("[1, 2]", "[1]", '{"a": null}', "ff")
    assert row["x.left"] == str(2**100)


def test_a_file_of_rows_never_replaces_what_is_compared(sides: tuple[Path, Path], command: Command) -> None:
    code, _, told = command(*sides, "--rows", sides[0])
    assert (code, "it lies in what is compared" in told) == (2, True)
    assert pl.read_parquet(sides[0]).height == 3


def test_the_page_shows_the_values_as_text(tmp_path: Path, command: Command) -> None:
    left = put(tmp_path / "l.parquet", {"id": [1], "v": ["<script>alert(1)</script>"]})
    code, _, _ = command(left, put(tmp_path / "r.parquet", {"id": [1], "v": ["b"]}), "--html", tmp_path / "d.html")
    page = (tmp_path / "d.html").read_text(encoding="utf-8")
    assert (code, "<script>" in page, "&lt;script&gt;" in page) == (4, False, True)
    assert all(said in page for said in ("only left 0", "matched by id (detected)", "0.00 %", "different</title>"))


NUMBERS = st.floats(-1e6, 1e6) | st.sampled_from([0.0, math.inf, -math.inf, math.nan])


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6), st.sampled_from([0.0, 0.01, 1.0]))
def test_a_relative_tolerance_is_that_of_python(pairs: list[tuple[float, float]], relative: float) -> None:
    left, right = (
        pl.LazyFrame({"id": range(len(pairs)), "x": [pair[n] for pair in pairs]}, schema_overrides={"x": pl.Float64})
        for n in (0, 1)
    )
    found = diff_tables(left, right, Options(("id",), Tolerance(0.0, relative=relative)))
    expected = sum(
        not math.isclose(one, other, rel_tol=relative) and brute.same(one) != brute.same(other) for one, other in pairs
    )
    assert found.columns[1].changed == expected


TEXTS = st.none() | st.text(st.sampled_from("aAbÄä \t"), max_size=4)


@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), case=st.booleans(), space=st.booleans())
def test_texts_are_equal_as_python_folds_them(pairs: list[tuple[Any, Any]], *, case: bool, space: bool) -> None:
    def plain(text: str | None) -> str | None:
        text = text.strip() if space and text is not None else text
        return text.lower() if case and text is not None else text

    left, right = (
        pl.LazyFrame({"id": range(len(pairs)), "x": [pair[n] for pair in pairs]}, schema_overrides={"x": pl.String})
        for n in (0, 1)
    )
    found = diff_tables(left, right, Options(("id",), fold_case=case, trim=space))
    assert found.columns[1].changed == sum(plain(one) != plain(other) for one, other in pairs)


def test_files_of_other_dialects(tmp_path: Path, command: Command) -> None:
    (tmp_path / "old.csv").write_bytes('id;name\r\n1;"café; bar"\r\n2;x\r\n'.encode("latin-1"))
    (tmp_path / "new.csv").write_text('id,name\n2,x\n1,"café; bar"\n', encoding="utf-8")
    words = ("--separator", ";", "--separator", ",", "--encoding", "latin-1", "--encoding", "utf-8")
    assert command(tmp_path / "old.csv", tmp_path / "new.csv", *words)[0] == 0
    (tmp_path / "wide.csv").write_text("id\tname\n1\tcafé; bar\n2\tx\n", encoding="utf-16")
    words = ("--separator", "tab", "--separator", ",", "--encoding", "utf-16", "--encoding", "utf-8")
    assert command(tmp_path / "wide.csv", tmp_path / "new.csv", *words)[0] == 0


def test_files_without_a_header(tmp_path: Path, command: Command) -> None:
    (tmp_path / "l.csv").write_bytes(b"\xef\xbb\xbf1,a\n2,b\n")
    (tmp_path / "r.csv").write_text("2,b\n1,c\n", encoding="utf-8")
    code, document, _ = command(tmp_path / "l.csv", tmp_path / "r.csv", "--no-header")
    assert (code, document["rows"]["left"], document["rows"]["changed"]) == (4, 2, 1)
    assert [column["name"] for column in document["columns"]] == ["column_1", "column_2"]


@pytest.mark.parametrize(("ending", "packed"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_compressed_files(tmp_path: Path, command: Command, ending: str, packed: Any) -> None:
    data = "".join(f"{n},x{n}\n" for n in range(5000)).encode()
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a.csv").write_bytes(b"id,x\n" + data[:100].rpartition(b"\n")[0] + b"\n")
    rest = data[len(data[:100].rpartition(b"\n")[0]) + 1 :]
    (tmp_path / "f" / f"b.csv.{ending}").write_bytes(packed(b"id,x\n" + rest))
    (tmp_path / "w.csv").write_bytes(b"id,x\n" + data)
    assert command(tmp_path / "f", tmp_path / "w.csv")[0] == 0
    whole = packed(b"id,x\n" + data)
    (tmp_path / f"cut.csv.{ending}").write_bytes(whole[: len(whole) // 2])
    code, _, told = command(tmp_path / f"cut.csv.{ending}", tmp_path / "w.csv")
    assert (code, "its compressed data is cut or damaged" in told) == (2, True), told


@pytest.mark.parametrize(
    ("text", "encoding", "words", "said"),
    [
        ("id;x\n1;2,5\n", "utf-8", (), "looks as if the separator were ';'"),
        ("id,x\n1,é\n", "utf-8", ("--encoding", "ascii"), ""),
        ("id,x\n1,é\n", "latin-1", ("--encoding", "cp1253"), ""),
        ("id,x\n1,a\n2,é\n", "latin-1", ("--encoding", "utf-16"), "it is no utf-16"),
        ("id,x\n1,a\n2,\x81\n", "latin-1", ("--encoding", "cp1252"), "its line 3 holds bytes that are no cp1252"),
    ],
)
def test_the_likely_cause_is_said(
    tmp_path: Path, command: Command, text: str, encoding: str, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    code, _, told = command(tmp_path / "t.csv", tmp_path / "t.csv", *words)
    assert (code, said in told) == (2 if said else 0, True), told
