"""Opening one CSV or Parquet file: with one clear error when it is empty, cut or unreadable."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.errors import SourceError
from counterpoint.storage.csvdialects import CsvError
from counterpoint.storage.csvfiles import LINE, CsvFile
from counterpoint.storage.parquetfiles import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SUFFIXES = (".csv", ".parquet")
ROW = LINE


class Table:
    """A file's own columns, those of a CSV as text.

    Raises:
        SourceError: the file is empty, or no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.stat().st_size == 0:
            raise SourceError(f"{path} is empty: it has not even a header; deliver the file again")
        with reading(path):
            if path.suffix.lower() != ".parquet":
                self._csv: CsvFile | None = CsvFile.open(path)
                self.types: dict[str, pl.DataType] = dict.fromkeys(self._csv.names, pl.String())
                return
            self._csv = None
            if problem := unreadable(path):
                raise SourceError(f"{path}: {problem}")
            self._rows = pl.scan_parquet(path, glob=False, row_index_name=ROW, row_index_offset=1)
            self.types = {name: kind for name, kind in self._rows.collect_schema().items() if name != ROW}

    def rows(self, columns: Sequence[str]) -> pl.LazyFrame:
        """Some columns, and `ROW`: the line or row number, from 2 or 1.

        Raises:
            SourceError: the file is no such file, or was cut in the middle.
        """
        if self._csv is None:
            return self._rows.select(ROW, *columns)
        with reading(self.path):
            return self._csv.frame(columns).lazy()


def collected(frame: pl.LazyFrame, path: Path) -> pl.DataFrame:
    """The rows of a scan of that file.

    Raises:
        SourceError: the file is no such file, or was cut in the middle.
    """
    with reading(path):
        return frame.collect()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what a library raises of a file into a SourceError.

    Raises:
        SourceError: the file is no such file, or was cut in the middle.
    """
    try:
        yield
    except CsvError as error:
        raise SourceError(f"{path} cannot be read: {error}; deliver it again") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        first = str(error).strip().partition("\n")[0]
        kind = path.suffix.lower().lstrip(".")
        raise SourceError(
            f"{path} cannot be read as {kind}, it is cut or damaged ({first}); deliver it again"
        ) from error
