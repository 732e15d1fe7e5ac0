"""CSV files against Python's csv module: the same records, whatever is in them, or an error that names the line."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from counterpoint.storage import csvfiles
from counterpoint.storage.csvdialects import CsvError
from counterpoint.storage.csvfiles import CsvFile

if TYPE_CHECKING:
    from pathlib import Path

CELLS = st.one_of(
    st.text(st.sampled_from('ab,"\n\r é\u2028\x85\t;0'), max_size=6),
    st.sampled_from(["", '12" vinyl', "007", "9007199254740993", "2024-01-01 10:00:00.123456789", "NaN", "x" * 300]),
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=0, max_size=12)
)


def written(rows: list[list[str]], *, quoting: Any = csv.QUOTE_MINIMAL, end: str = "\n", last: bool = True) -> str:
    width = len(rows[0]) if rows else 2
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=quoting, lineterminator=end)
    writer.writerow([f"c{number}" for number in range(width)])
    writer.writerows(rows)
    text = stream.getvalue()
    return text if last else text.removesuffix(end)


def judged(text: str) -> list[list[str]]:
    """What Python's csv module reads below the header; blank lines are no records."""
    return [record for record in csv.reader(io.StringIO(text, newline="")) if record][1:]


def read(path: Path, text: str) -> list[list[str]]:
    path.write_text(text, encoding="utf-8", newline="")
    file = CsvFile.open(path)
    batches = [list(row.values()) for batch in file.batches() for row in batch.to_pylist()]
    frame = file.frame(file.names).drop(csvfiles.LINE).rows()
    found = [[value or "" for value in row] for row in batches]
    assert found == [[value or "" for value in row] for row in frame]
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=TABLES,
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
@example(rows=[["a", '12" vinyl']], quoting=csv.QUOTE_MINIMAL, end="\n", last=False)
def test_the_records_of_the_csv_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[list[str]], quoting: Any, end: str, *, last: bool
) -> None:
    monkeypatch.setattr(csvfiles, "_BLOCK", 3000)  # so that files have several blocks; a record is shorter than one
    text = written(rows, quoting=quoting, end=end, last=last)
    expected = judged(text)
    assume(not rows or all(len(record) == len(rows[0]) for record in expected))  # a \r that was not quoted
    assert read(tmp_path / "t.csv", text) == expected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.text(st.sampled_from('ab,"x'), max_size=7), min_size=1, max_size=8), last=st.booleans())
@example(lines=['1,12" vinyl', '2,7" single'], last=True)
@example(lines=['1,"12 vinyl', "2,a", '3,7" single'], last=True)
def test_wild_quotes_are_read_as_the_csv_module_does_or_refused(
    tmp_path: Path, lines: list[str], *, last: bool
) -> None:
    """No record is lost in silence, whatever quotes stand where."""
    text = "a,b\n" + "\n".join(lines) + ("\n" if last else "")
    expected = judged(text)
    ragged = any(len(record) != len(["a", "b"]) for record in expected)
    found = read_or_refused(tmp_path / "t.csv", text)
    assert found == expected or (isinstance(found, str) and "line" in found and (ragged or _is_strange(text)))


def read_or_refused(path: Path, text: str) -> list[list[str]] | str:
    try:
        return read(path, text)
    except CsvError as error:
        return str(error)


def _is_strange(text: str) -> bool:
    """Whether a quote is never closed, or is followed by more text in its field."""
    try:
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return True
    return False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not even a header"),
        ("\n\n", "not even a header"),
        ("a,b\n1,2\n3\n4,5\n", "line 3 has 1 fields, its header 2 ('3'): is it cut?"),
        ('a,b\n1,"x\ny"\n\n3,4,5\n', "line 5 has 3 fields"),
        ('a,b\n1,2\n3,"4\n5,6\n', "a quote that is opened in line 3 is never closed"),
        ('a,b\n1,"', "a quote that is opened in line 2 is never closed"),
        ('a,b\n1,"""', "a quote that is opened in line 2 is never closed"),
        ('a,b\n1,"x\n2,y\n3,"z"\n', "opened in line 2 is closed in line 4 before more text"),
    ],
)
def test_what_is_no_whole_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(CsvError) as caught:
        list(CsvFile.open(tmp_path / "t.csv").batches())
    assert said in str(caught.value)


def test_bytes_that_are_no_utf8_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a,b\n1,é\n2,x\n".encode("latin-1"))
    with pytest.raises(CsvError, match="line 2 holds bytes that are no UTF-8"):
        list(CsvFile.open(tmp_path / "t.csv").batches())
    assert CsvFile.open(tmp_path / "t.csv").frame(["b"])["b"].to_list() == ["\ufffd", "x"]


def test_a_quoted_empty_field_is_an_empty_text_and_one_without_quotes_is_null(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n"",\n', encoding="utf-8")
    assert CsvFile.open(tmp_path / "t.csv").frame(["a", "b"]).rows() == [(2, "", None)]


def test_a_mark_of_the_encoding_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert CsvFile.open(tmp_path / "t.csv").names == ("a", "b")


def test_lines_are_counted_also_where_records_have_several(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n1,"x\ny"\n\n2,z\n', encoding="utf-8")
    assert CsvFile.open(tmp_path / "t.csv").frame(["a"]).rows() == [(2, "1"), (5, "2")]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("a,a", ("a", "a_duplicated_0")),
        ("a,a,a", ("a", "a_duplicated_0", "a_duplicated_1")),
        ("a,a,a_duplicated_0", ("a", "a_duplicated_1", "a_duplicated_0")),
        ("a_duplicated_0,a,a", ("a_duplicated_0", "a", "a_duplicated_1")),
        (",,b", ("", "_duplicated_0", "b")),
    ],
)
def test_no_column_is_lost_to_another_of_its_name(tmp_path: Path, header: str, names: tuple[str, ...]) -> None:
    values = [str(number) for number in range(len(names))]
    assert read(tmp_path / "t.csv", f"{header}\n{','.join(values)}\n") == [values]
    assert CsvFile.open(tmp_path / "t.csv").names == names


@given(st.lists(st.sampled_from(["a", "b", "a_duplicated_0", "a_duplicated_1", "a_duplicated_0_duplicated_0"])))
def test_the_names_of_columns_are_distinct(names: list[str]) -> None:
    distinct = csvfiles._distinct(names)
    assert (len(distinct), len(set(distinct))) == (len(names), len(names))
