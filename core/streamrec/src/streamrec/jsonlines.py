"""Files of JSON lines as texts: every object's scalars as they are written, with the line in which each stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.redaction import row_value
from counterpoint.storage.csvdialects import CsvError
from counterpoint.storage.csvfiles import LINE

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN = 80


class JsonLines:
    """A UTF-8 file of one JSON object a line; blank lines are skipped, a key that an object lacks is null.

    Raises:
        CsvError: A line holds no JSON object; names the line.
    """

    def __init__(self, path: Path) -> None:
        self._rows: list[tuple[int, dict[str, Any]]] = []
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    self._rows.append((number, _parsed(line, number)))
        self.names = tuple(dict.fromkeys(name for _, row in self._rows for name in row))

    def frame(self, columns: list[str]) -> pl.DataFrame:
        """Some columns of all lines, and `LINE`, the number of the line."""
        lines = pl.DataFrame({LINE: [number for number, _ in self._rows]}, schema={LINE: pl.UInt32})
        cells = [pl.Series(name, [_text(row.get(name)) for _, row in self._rows], pl.String) for name in columns]
        return lines.with_columns(cells)


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_int=str, parse_float=str)
    except UnicodeDecodeError:
        raise CsvError(f"its line {number} holds bytes that are no UTF-8") from None
    except ValueError as error:
        cut = "" if line.endswith(b"\n") else "; it has no end, so the file may be cut"
        shown = row_value(line[:_SHOWN].decode("utf-8", "replace"))
        raise CsvError(f"its line {number} is no JSON ({error}; {shown}){cut}") from error
    if not isinstance(row, dict):
        raise CsvError(f"its line {number} is no JSON object ({row_value(str(row)[:_SHOWN])})")
    return row


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
