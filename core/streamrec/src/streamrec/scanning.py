"""Opening one file of CSV, JSON lines or Parquet: with one clear error when it is empty, cut or unreadable."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.errors import SourceError
from counterpoint.storage.csvdialects import COMPRESSED, CsvError, Dialect, plain_copy
from counterpoint.storage.csvfiles import LINE, CsvFile
from counterpoint.storage.parquetfiles import unreadable
from streamrec.jsonlines import JsonLines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CSV, PARQUET, JSON = ".csv", ".parquet", ".jsonl"
KINDS = (CSV, PARQUET, JSON)
_OTHER_NAMES = {".ndjson": JSON}
ROW = LINE


def kind_of(path: Path) -> str | None:
    """Which of `KINDS` a file is by its name, also if it is compressed; None of another file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] and suffixes[-1] in COMPRESSED
    ending = suffixes[-2:-1] if packed else suffixes[-1:]
    kind = next((_OTHER_NAMES.get(suffix, suffix) for suffix in ending), None)
    return kind if kind in KINDS and not (packed and kind == PARQUET) else None


class Table:
    """A file's own columns, those of CSV and JSON lines as text.

    Raises:
        SourceError: the file is empty, or no such file.
    """

    def __init__(self, path: Path, dialect: Dialect | None = None) -> None:
        self.path, self._dialect = path, dialect or Dialect()
        if path.stat().st_size == 0:
            raise SourceError(f"{path} is empty: it has not even a header; deliver the file again")
        with reading(path):
            if kind_of(path) != PARQUET:
                self._texts: CsvFile | JsonLines | None = self._opened()
                self.types: dict[str, pl.DataType] = dict.fromkeys(self._texts.names, pl.String())
                return
            self._texts = None
            if problem := unreadable(path):
                raise SourceError(f"{path}: {problem}")
            self._rows = pl.scan_parquet(path, glob=False, row_index_name=ROW, row_index_offset=1)
            self.types = {name: kind for name, kind in self._rows.collect_schema().items() if name != ROW}

    def _opened(self) -> CsvFile | JsonLines:
        # kept with the table, because rows are read from the copy later
        self._folder = TemporaryDirectory(prefix="streamrec-")
        plain = plain_copy(self.path, self._dialect, Path(self._folder.name, "copy"))
        return JsonLines(plain) if kind_of(self.path) == JSON else CsvFile.open(plain, self._dialect)

    def rows(self, columns: Sequence[str]) -> pl.LazyFrame:
        """Some columns, and `ROW`: the line or row number, from 2 or 1.

        Raises:
            SourceError: the file is no such file, or was cut in the middle.
        """
        if self._texts is None:
            return self._rows.select(ROW, *columns)
        with reading(self.path):
            return self._texts.frame(list(columns)).lazy()


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
        kind = (kind_of(path) or "").lstrip(".")
        raise SourceError(
            f"{path} cannot be read as {kind}, it is cut or damaged ({first}); deliver it again"
        ) from error
