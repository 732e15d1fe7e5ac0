"""The lines in which CSV records begin, found by Python's csv module; for messages and for records of several lines."""

from __future__ import annotations

import csv
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from counterpoint.redaction import row_value
from counterpoint.storage.csvdialects import separator_hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.storage.csvfiles import CsvFile


def records(file: CsvFile) -> Iterator[tuple[int, list[str]]]:
    """All records, each with the line in which it begins; blank lines are skipped."""
    with _reader(file) as reader:
        before = 0
        for record in reader:
            if record:
                yield file.lines + before + 1, record
            before = reader.line_num


def record_lines(file: CsvFile) -> list[int]:
    """The line in which each record begins."""
    return [line for line, _ in records(file)]


def ragged(file: CsvFile) -> str | None:
    """A description of the first record that has more or fewer fields than the header, or None."""
    expected = len(file.names)
    for line, fields in records(file):
        if len(fields) != expected:
            hint = "is it cut?" if len(fields) < expected else separator_hint(file.names, file.dialect)
            hint = hint or "is there a separator too much, or a text with separators without quotes?"
            shown = row_value(",".join(fields)[:80])
            return f"its line {line} has {len(fields)} fields, its header {expected} ({shown}): {hint}"
    return None


def swallowed(file: CsvFile) -> str | None:
    """A description of the first multi-line record with text after a closing quote, or None.

    Python's csv module takes such a quote as the end of the field and reads on, so the lines between are lost.
    """
    with _reader(file, strict=True) as reader:
        before = 0
        while True:
            try:
                if next(reader, None) is None:
                    return None
            except csv.Error:
                if reader.line_num > before + 1:
                    return (
                        f"a quote that is opened in line {file.lines + before + 1} is closed in line"
                        f" {file.lines + reader.line_num} before more text: it swallows the lines between"
                    )
            before = reader.line_num


def unfinished(file: CsvFile, most: int) -> str | None:
    """A description of the first record that never ends or is longer than `most` bytes, or None."""
    with _reader(file, strict=True) as reader:
        before = 0
        while True:
            try:
                record = next(reader, None)
            except csv.Error as error:
                if "unexpected end" not in str(error):
                    continue
                return (
                    f"a quote that is opened in line {file.lines + before + 1} is never closed: it is cut, or damaged"
                )
            if record is None:
                return None
            if sum(map(len, record)) > most:
                return (
                    f"a quote that is opened in line {file.lines + before + 1} is closed only millions of bytes later"
                )
            before = reader.line_num


@contextmanager
def _reader(file: CsvFile, *, strict: bool = False) -> Iterator[csv._reader]:  # type: ignore[name-defined]
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with file.path.open(encoding="utf-8", errors="replace", newline="") as stream:
            stream.seek(file.start)
            yield csv.reader(stream, strict=strict, delimiter=file.dialect.separator)
    finally:
        csv.field_size_limit(limit)
