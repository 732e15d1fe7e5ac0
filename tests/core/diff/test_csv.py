"""CSV files: texts that are compared as values only where the value holds the text, and never lost."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from counterpoint.diff import TablePlace, diff_places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., tuple[int, Any, str]]


def compared(folder: Path, left: str, right: str | pl.DataFrame) -> Any:
    """How a CSV differs from another one, or from a Parquet file."""
    (folder / "l.csv").write_text(left, encoding="utf-8", newline="")
    if isinstance(right, pl.DataFrame):
        right.write_parquet(folder / "r.parquet")
    else:
        (folder / "r.csv").write_text(right, encoding="utf-8", newline="")
    name = "r.parquet" if isinstance(right, pl.DataFrame) else "r.csv"
    return diff_places(TablePlace(str(folder / "l.csv")), TablePlace(str(folder / name)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("2024-01-01 10:00:00.123456789", "2024-01-01 10:00:00.123456001"),
        ("9007199254740993", "9007199254740992"),
        ("9007199254740993,0.5", "9007199254740992,0.5"),
        ("0.12345678901234567891", "0.12345678901234567999"),
        ("9" * 47 + "1", "9" * 47 + "2"),
        ("007", "7"),
        ("01/02/2024", "2024-02-01"),
        ("1.10,1.9.2", "1.1,1.9.2"),
        ("1e999", "1e998"),
        ("+1", "1"),
        (" 1", "1"),
        ("2024-01-01,x", "2024-01-01T00:00:00,x"),
        ("9999-12-31 00:00:00.000000001", "9999-12-31 00:00:00"),
        ("n/a,1", "NaN,1"),
    ],
)
def test_texts_that_differ_are_not_called_equal(tmp_path: Path, left: str, right: str) -> None:
    texts = ["id,x\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(one.split(","))) for one in (left, right)]
    found = compared(tmp_path, texts[0], texts[1])
    assert (found.equal, found.rows.changed) == (False, 1)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1,2", "1.0,2.0"),
        ("0.1", "0.10000000000000001"),
        ("1.50", "1.5"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("100000000000000000000000.5", "100000000000000000000000.50"),
        ("2024-01-01 10:00:00", "2024-01-01T10:00:00.000"),
        ("2024-01-01T10:00:00Z", "2024-01-01T12:00:00+02:00"),
        ('"1"', "1"),
        ('"a"', "a"),
        ('"",1', ",1"),
    ],
)
def test_plain_forms_of_a_value_are_equal(tmp_path: Path, left: str, right: str) -> None:
    texts = ["id,x\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(one.split(","))) for one in (left, right)]
    assert compared(tmp_path, texts[0], texts[1]).equal


@pytest.mark.parametrize(
    ("cells", "values", "kind", "changed"),
    [
        ("50,51", ["50", "51"], pl.String, 0),
        ("050,51", ["50", "51"], pl.String, 1),
        (",", [None, None], pl.Int64, 0),
        ("1.0,2", [1, 2], pl.Int32, 0),
        ("1,n/a", [1, 2], pl.Int64, 1),
        ("1.0,n/a", [1.0, 2.0], pl.Float64, 1),
        ("1,007", [1, 7], pl.Int64, 1),
        ("1,300", [1, 44], pl.UInt8, 1),
        ("0.1,0.30000000000000004", [0.1, 0.1 + 0.2], pl.Float64, 0),
        ("0.1,0.5", [0.1, 0.5], pl.Float32, 0),
        ("1.5,2", [Decimal("1.5"), Decimal(2)], pl.Decimal(38, 2), 0),
        ("1.505,2", [Decimal("1.5"), Decimal(2)], pl.Decimal(38, 2), 1),
        ("True,false", [True, False], pl.Boolean, 0),
        ("2024-01-01,2024-01-02", ["2024-01-01", "2024-01-02"], pl.Date, 0),
        ("01/02/2024,2024-01-02", ["2024-02-01", "2024-01-02"], pl.Date, 1),
        ("2024-01-01,2024-01-02 00:00", ["2024-01-01", "2024-01-02"], pl.Datetime("us"), 0),
        ("2024-01-01 00:00:00.000000001,2024-01-02", ["2024-01-01", "2024-01-02"], pl.Datetime("us"), 1),
        (
            "2024-01-01T00:00:00Z,2024-01-02 00:00:00.000000+0000",
            ["2024-01-01", "2024-01-02"],
            pl.Datetime("us", "UTC"),
            0,
        ),
    ],
)
def test_a_csv_takes_the_types_of_the_other_side(
    tmp_path: Path, cells: str, values: list[Any], kind: Any, changed: int
) -> None:
    text = "id,x\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells.split(",")))
    column = pl.Series("x", values)
    if column.dtype == pl.String and isinstance(kind, pl.Datetime):
        column = column.str.to_datetime("%Y-%m-%d", time_unit="us", time_zone=kind.time_zone)
    elif column.dtype == pl.String and kind != pl.String:
        column = column.str.to_date()
    found = compared(tmp_path, text, pl.DataFrame({"id": [0, 1], "x": column.cast(kind)}))
    assert (found.schema.equal, found.rows.changed, found.rows.only_left) == (True, changed, 0)


def test_no_rows_on_either_side_are_equal(tmp_path: Path) -> None:
    assert compared(tmp_path, "id,x\n", pl.DataFrame(schema={"id": pl.Int64, "x": pl.Float64})).equal


def test_samples_show_the_nanoseconds_that_differ(tmp_path: Path, command: Command) -> None:
    for name, digit in (("l", 1), ("r", 2)):
        (tmp_path / f"{name}.csv").write_text(f"id,t\n1,2024-01-01 10:00:00.00000000{digit}\n", encoding="utf-8")
    _, document, _ = command(tmp_path / "l.csv", tmp_path / "r.csv")
    assert [sample["left"] for sample in document["samples"]] == ["2024-01-01 10:00:00.000000001"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('id,x\n1,2\n2,"3\n', r"t.csv cannot be read: a quote that is opened in line 3 is never closed"),
        ("id,x\n1,2\n2\n", r"t.csv cannot be read: its line 3 has 1 fields, its header 2"),
        ('id,x\n1,"a\n2,b\n3,"c"\n', r"opened in line 2 is closed in line 4"),
    ],
)
def test_a_file_that_is_not_whole_is_named_with_its_line(
    tmp_path: Path, command: Command, text: str, said: str
) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    code, document, told = command(tmp_path / "t.csv", tmp_path / "t.csv")
    assert (code, document, len(told.splitlines())) == (2, None, 1)
    assert re.search(said, told)


def test_a_folder_of_csv_as_spark_leaves_it(tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "x.csv"
    folder.mkdir()
    for number in (0, 1):
        (folder / f"part-{number}.csv").write_text(f'id,x\n{number},12" vinyl\n', encoding="utf-8")
        (folder / f".part-{number}.csv.crc").write_bytes(b"crc")
    (folder / "_SUCCESS").write_bytes(b"")
    pl.DataFrame({"id": [1, 0], "x": ['12" vinyl'] * 2}).write_parquet(tmp_path / "t.parquet")
    assert command(folder, tmp_path / "t.parquet")[0] == 0


CELLS = st.one_of(
    st.sampled_from(["1", "1.0", "01", "2", "-0", "0.5", "0.50", "1e2", "100", "NaN", "a", "A", 'q"q', "x,y", "l\nm"]),
    st.sampled_from(["9007199254740993", "9007199254740992", "0.1", "0.10000000000000001", "12345678901234567890123"]),
    st.sampled_from(["2024-01-01", "2024-01-01 10:00:00", "2024-01-01T10:00:00", "2024-01-01 10:00:00.000000001"]),
    st.text(st.sampled_from("01.,é \u2028"), min_size=1, max_size=4),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-99, max_value=99).map(str),
)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?")


def forms(column: list[str]) -> list[Any]:
    """The plain forms of a column of both files: numbers where all are, stamps where all are, else the texts."""
    if all(_NUMBER.fullmatch(cell) for cell in column):
        numbers = [Decimal(cell) for cell in column]
        exact = [_shortest(cell) for cell in column]
        return exact if all(one is not None for one in exact) else numbers
    if all(_STAMP.fullmatch(cell) for cell in column):
        return [
            re.sub(r"\.?0*$", "", cell.replace("T", " ")) if "." in cell else cell.replace("T", " ") for cell in column
        ]
    return list(column)


def _shortest(cell: str) -> float | None:
    """The double of a text that says no more than it: its shortest text, or that of 17 digits."""
    double = float(cell)
    return double if Decimal(cell) in (Decimal(repr(double)), Decimal(f"{double:.17g}")) else None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    left=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5),
    changes=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), CELLS), max_size=2),
    order=st.randoms(use_true_random=False),
)
@example(left=[("1", "9007199254740993"), ("2", "0.5")], changes=[(0, 1, "9007199254740992")], order=None)
def test_two_files_are_equal_when_and_only_when_their_records_are(
    tmp_path: Path, left: list[tuple[str, str]], changes: list[tuple[int, int, str]], order: Any
) -> None:
    right = [list(row) for row in left]
    for row, column, cell in changes:
        right[row % len(right)][column] = cell
    if order is not None:
        order.shuffle(right)
    texts = [written(rows) for rows in (left, right)]
    records = [list(csv.reader(io.StringIO(text, newline="")))[1:] for text in texts]
    columns = [forms([row[n] for side in records for row in side]) for n in (0, 1)]
    rows = list(zip(*columns, strict=True))
    expected = Counter(rows[: len(left)]) == Counter(rows[len(left) :])
    assert compared(tmp_path, *texts).equal == expected


def written(rows: Any) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["a", "b"])
    writer.writerows(rows)
    return stream.getvalue()
