"""CSV files as text: all records as Python's csv module reads them, or an error that names the line.

The fields of every record are counted, even if few columns are read, so a stray quote in another column is noticed.
"""

from __future__ import annotations

import csv
import io
from codecs import getincrementaldecoder
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from counterpoint.redaction import row_value
from counterpoint.storage.csvdialects import CsvError, Dialect
from counterpoint.storage.csvlines import ragged, record_lines, records, swallowed, unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

LINE = "__row"
_BLOCK = 8 << 20
_TAIL = 1 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_MARK = b"\xef\xbb\xbf"


class RaggedError(CsvError):
    """A record has more or fewer fields than the header."""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file whose header was read: column `names`, and the `start` in bytes and `lines` before the records."""

    path: Path
    names: tuple[str, ...]
    start: int
    lines: int
    dialect: Dialect = field(default_factory=Dialect)

    @classmethod
    def open(cls, path: Path, dialect: Dialect | None = None) -> CsvFile:
        """The UTF-8 file at a path.

        Raises:
            CsvError: It has no header, or another encoding.
        """
        dialect = dialect or Dialect()
        with path.open("rb") as stream:
            lines: list[bytes] = []
            record: list[str] = []
            reader = csv.reader(_header_lines(stream, lines), delimiter=dialect.separator)
            while not record:
                record = next(reader, ["\0"])
            if record == ["\0"]:
                raise CsvError("it is empty, it has not even a header")
            if dialect.names is None:
                return cls(path, tuple(_distinct(record)), stream.tell(), len(lines), dialect)
            names = dialect.names or tuple(f"column_{number}" for number in range(1, len(record) + 1))
            start = len(_MARK) if lines[0].startswith(_MARK) else 0
            return cls(path, tuple(_distinct(names)), start, 0, dialect)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The records, or some columns of them, as strings; null is an empty field without quotes.

        Raises:
            CsvError: A record has more or fewer fields than the header, a quote is never closed, or it is no UTF-8.
        """
        look = _look(self)
        if look.not_utf8:
            raise CsvError(f"its line {look.not_utf8} holds bytes that are no UTF-8: convert it to UTF-8")
        yield from self._batches(columns if columns is not None else self.names, look)

    def _batches(self, columns: Sequence[str], look: _Look) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        count, last = 0, None
        # with the last column, whose last value shows whether the last record ended
        read_columns = list(dict.fromkeys([*columns, self.names[-1]]))
        try:
            for batch in self._parsed(read_columns):
                named = batch.rename_columns(read_columns)
                count, last = count + batch.num_rows, named
                yield named.select(list(columns))
        except pa.ArrowInvalid as error:
            message = str(error).partition("\n")[0]
            if message == "Empty CSV file":  # nothing but blank lines
                return
            if wrong := unfinished(self, _BLOCK):
                raise CsvError(wrong) from error
            raise RaggedError(ragged(self) or message) from error
        self._check_end(last, look)
        if look.lines > count and (wrong := swallowed(self)):
            raise CsvError(wrong)

    def _parsed(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        from pyarrow import csv as arrow

        places = [str(self.names.index(name)) for name in columns]
        # a file of Arrow's own, not a Python file: its threads must not call an interpreter that shuts down
        with pa.OSFile(str(self.path)) as stream:
            if self.start == stream.size():
                return
            stream.seek(self.start)
            yield from arrow.open_csv(
                stream,
                read_options=arrow.ReadOptions(
                    column_names=[str(n) for n in range(len(self.names))], block_size=_BLOCK
                ),
                parse_options=arrow.ParseOptions(newlines_in_values=True, delimiter=self.dialect.separator),
                convert_options=arrow.ConvertOptions(
                    column_types=dict.fromkeys(places, pa.string()),
                    include_columns=places,
                    check_utf8=False,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )

    def _check_end(self, last: pa.RecordBatch | None, look: _Look) -> None:
        """Checks for an unclosed quote if the end of the file looks as one would leave it."""
        value = last.column(self.names[-1])[-1].as_py() if last is not None and last.num_rows else None
        if value is None:
            return
        tail = b'"' + value.replace('"', '""').encode()
        if look.tail.endswith(tail[-_TAIL:]) and (wrong := unfinished(self, _BLOCK)):
            raise CsvError(wrong)

    def frame(self, columns: Sequence[str]) -> pl.DataFrame:
        """Some columns of all records, and `LINE`, the line in which each record begins.

        Fields beyond the header are dropped, and missing fields are null; bytes that are no UTF-8 become U+FFFD.

        Raises:
            CsvError: A quote is never closed, or the last record is unfinished.
        """
        import polars as pl

        look = _look(self)
        if look.not_utf8:
            return _by_hand(self, columns, look)
        schema = dict.fromkeys(columns, pl.String)
        try:
            frames = [pl.DataFrame(batch) for batch in self._batches(columns, look)]
        except RaggedError:
            return _by_hand(self, columns, look)
        rows = pl.concat([pl.DataFrame(schema=schema), *frames])
        one_line_each = look.lines == len(rows)
        lines = range(self.lines + 1, self.lines + 1 + len(rows)) if one_line_each else record_lines(self)
        return rows.insert_column(0, pl.Series(LINE, lines, pl.UInt32))


@dataclass(frozen=True, slots=True)
class _Look:
    """Facts about the bytes after the header: the number of lines, the last bytes, the first line that is no UTF-8."""

    lines: int
    tail: bytes
    not_utf8: int | None

    @property
    def ended(self) -> bool:
        """Whether the last line ended."""
        return self.tail.endswith((b"\n", b"\r"))


def _look(file: CsvFile) -> _Look:
    decoder, lines, tail, bad = getincrementaldecoder("utf-8")(), 0, b"", None
    with file.path.open("rb") as stream:
        stream.seek(file.start)
        while data := stream.read(_BLOCK):
            try:
                if bad is None:
                    decoder.decode(data)
            except UnicodeDecodeError as error:
                bad = file.lines + lines + error.object[: error.start].count(b"\n") + 1
            lines += data.count(b"\n")
            tail = (tail + data)[-_TAIL:]
    return _Look(lines + (tail != b"" and not tail.endswith(b"\n")), tail, bad)


def _by_hand(file: CsvFile, columns: Sequence[str], look: _Look) -> pl.DataFrame:
    """The columns of a file whose records differ in length or are not all text, read by Python's csv module."""
    import polars as pl

    if wrong := unfinished(file, _BLOCK):
        raise CsvError(wrong)
    lines = list(records(file))
    if lines and not look.ended and len(lines[-1][1]) < len(file.names):
        line, fields = lines[-1]
        shown = row_value(",".join(fields)[:80])
        raise CsvError(f"it is cut in the middle: its last line {line} is unfinished ({shown})")
    if lines and not look.ended and (look.not_utf8 or 0) >= lines[-1][0]:  # the rest is UTF-8, so it is damage
        raise CsvError(f"it is cut or damaged: its last line {look.not_utf8} has no end, and bytes that are no UTF-8")
    if look.lines > len(lines) and (wrong := swallowed(file)):
        raise CsvError(wrong)
    places = [file.names.index(name) for name in columns]
    cells = [[fields[n] if n < len(fields) and fields[n] else None for n in places] for _, fields in lines]
    rows = pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.String), orient="row")
    return rows.insert_column(0, pl.Series(LINE, [line for line, _ in lines], pl.UInt32))


def _header_lines(stream: io.BufferedReader, lines: list[bytes]) -> Iterator[str]:
    """The lines of a file, read one at a time, so that the file position is after the header's last line."""
    while line := stream.readline():
        bare = line.find(b"\r")
        if 0 <= bare < len(line) - 2:
            stream.seek(bare + 1 - len(line), io.SEEK_CUR)
            line = line[: bare + 1]
        if not lines and line.startswith(_UTF16):
            raise CsvError("it is UTF-16: convert it to UTF-8")
        lines.append(line)
        yield line.decode("utf-8-sig" if len(lines) == 1 else "utf-8", "replace")


def _distinct(names: Sequence[str]) -> list[str]:
    """The names of columns, with a number added to repeated ones, as Polars does; no two are the same."""
    distinct: list[str] = []
    for name in names:
        numbered = (f"{name}_duplicated_{number}" for number in range(len(names)))
        free = name if name not in distinct else next(each for each in numbered if each not in {*distinct, *names})
        distinct.append(free)
    return distinct
