"""Opening tables wherever they lie, and comparing two of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.diff.delta import open_delta, rows_of
from counterpoint.diff.postgres import SCHEMES, export
from counterpoint.diff.report import Options, Rows, TableDiff
from counterpoint.diff.schema import check, compare_schemas
from counterpoint.diff.tables import diff_tables
from counterpoint.errors import StorageError, UsageError
from counterpoint.storage.objects import guarded
from counterpoint.storage.tables import files_of, open_table, remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.diff.places import TablePlace


@dataclass(frozen=True, slots=True)
class Source:
    """A table that can be read; two with the same `files` (None: not known) hold the same rows, `count` of them."""

    rows: pl.LazyFrame
    files: frozenset[str] | None = None
    count: int | None = None


def diff_places(left: TablePlace, right: TablePlace, options: Options | None = None) -> TableDiff:
    """How two tables differ, each given by its place; Delta tables of the same files are equal unread.

    Raises:
        UsageError: a table is not there or cannot be read, or the key or tolerance do not fit.
    """
    options = options or Options()
    with readable(), TemporaryDirectory(prefix="counterpoint-diff-") as folder:
        one, other = (open_source(place, Path(folder, side)) for place, side in ((left, "left"), (right, "right")))
        if one.count is None or one.files is None or one.files != other.files:
            return diff_tables(one.rows, other.rows, options)
        schemas = one.rows.collect_schema(), other.rows.collect_schema()
        found, layout = compare_schemas(*schemas)
        check(options, *schemas, layout)
        return TableDiff(found, Rows(one.count, one.count))


def open_source(place: TablePlace, copy: Path | None = None) -> Source:
    """The table at a place; one of a database is copied to the file `copy`, which must stay while it is read.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    uri = place.uri
    if copy and uri.startswith(SCHEMES):
        export(uri, copy)
        return _opened(pl.scan_parquet(copy, glob=False, hive_partitioning=False))
    with readable(uri):
        if uri.endswith(".csv"):
            rows = pl.scan_csv(uri, try_parse_dates=True, infer_schema_length=None, glob=False, **remote(uri))
            return _opened(rows)
        if uri.endswith(".parquet") and not Path(uri).is_dir():
            return _opened(pl.scan_parquet(uri, glob=False, hive_partitioning=False, **remote(uri)))
        if "://" not in uri and not Path(uri).is_dir():
            raise UsageError(f"{uri} is neither a folder nor a .parquet or .csv file: rename it, or convert it")
        if place.version is not None or is_delta(uri):
            return _delta(uri, place.version)
        return _opened(_folder(uri))


def _opened(rows: pl.LazyFrame) -> Source:
    rows.collect_schema()
    return Source(rows)


def _delta(uri: str, version: int | None) -> Source:
    table = open_delta(uri, version)
    files = files_of(table)
    known = files["num_records"].null_count() == 0
    count = int(files["num_records"].sum()) if known else None
    return Source(rows_of(table, uri), frozenset(f"{uri}/{path}" for path in files["path"]), count)


def is_delta(uri: str) -> bool:
    """Whether a Delta table lies there."""
    # not `is_deltatable`, which asks elsewhere than the storage options say
    return Path(uri, "_delta_log").is_dir() if "://" not in uri else open_table(uri) is not None


def _folder(uri: str) -> pl.LazyFrame:
    """The Parquet files below a folder, as one table; folders called NAME=VALUE give columns."""
    if "://" in uri:
        return pl.scan_parquet(f"{uri}/**/*.parquet", hive_partitioning=True, **remote(uri))
    files = sorted(str(file) for file in Path(uri).rglob("*.parquet"))
    if not files:
        raise UsageError(f"{uri} holds neither a Delta table nor a .parquet file: give the folder of a table")
    nested = any("=" in part for file in files for part in Path(file).relative_to(uri).parts[:-1])
    return pl.scan_parquet(files, glob=False, hive_partitioning=nested)


@contextmanager
def readable(place: str = "a table") -> Iterator[None]:
    """Turns what libraries raise on files that are missing, broken or of another format into a UsageError."""
    try:
        with guarded(place):
            yield
    except StorageError as error:
        raise UsageError(
            f"{place} cannot be read: {_line(error.__cause__)}; check the file, or name another"
        ) from error
    except (pl.exceptions.NoDataError, pl.exceptions.SchemaError, pl.exceptions.InvalidOperationError) as error:
        raise UsageError(f"{place} cannot be read: {_line(error)}; check the file, or name another") from error


def _line(error: BaseException | None) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
