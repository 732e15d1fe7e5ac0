"""Opening one CSV or Parquet file: lazily, and with one clear error when it is empty, cut or unreadable."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".csv", ".parquet")
ROW = "__row"
_TAIL = 1 << 20
_FIRST_LINE = 2  # of a CSV, below the header


def scan(path: Path) -> pl.LazyFrame:
    """The file's own columns, those of a CSV as text, and `ROW`: the line or row number, from 2 or 1.

    Raises:
        SourceError: the file is empty, or was cut in the middle.
    """
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty: it has not even a header; deliver the file again")
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, glob=False, row_index_name=ROW, row_index_offset=1)
    _check_whole(path)
    return pl.scan_csv(
        path,
        glob=False,
        infer_schema=False,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
        row_index_name=ROW,
        row_index_offset=_FIRST_LINE,
    )


def collected(frame: pl.LazyFrame, path: Path) -> pl.DataFrame:
    """The rows of a scan of that file.

    Raises:
        SourceError: the file is no such file, or was cut in the middle.
    """
    try:
        return frame.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).strip().splitlines()[0]
        kind = path.suffix.lower().lstrip(".")
        raise SourceError(
            f"{path} cannot be read as {kind}, it is cut or damaged ({first}); deliver it again"
        ) from error


def _check_whole(path: Path) -> None:
    """A file that ends inside a line, and whose last line looks unfinished, was cut.

    Many whole files lack the last newline, so its absence alone proves nothing.
    """
    with path.open("rb") as stream:
        header = stream.readline()
        size = stream.seek(0, 2)
        stream.seek(max(len(header), size - _TAIL))
        lines = stream.read().decode("utf-8", "replace").splitlines(keepends=True)
    if not lines or lines[-1].endswith(("\n", "\r")):
        return
    columns = len(_fields(header.decode("utf-8", "replace")) or ())
    last = _fields(lines[-1])
    if last is None or len(last) < columns or _is_odd(last[-1], lines[1:-1]):
        raise SourceError(
            f"{path} is cut in the middle: its last line is unfinished ({lines[-1][:80]!r});"
            " deliver it again, or end a whole file with a newline"
        )


def _fields(line: str) -> list[str] | None:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return None


def _is_odd(value: str, lines: list[str]) -> bool:
    """Whether a last field is the beginning of one that other lines have, and itself on no other line."""
    others = {fields[-1] for line in lines if (fields := _fields(line))}
    return value not in others and any(other.startswith(value) for other in others)
