"""Opening tables at any location, and comparing two of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl
from pyarrow import ArrowException

from counterpoint.diff.choosing import Choice
from counterpoint.diff.copied import copy_csv, read_csv
from counterpoint.diff.delta import open_delta, place_of_file, rows_of, schema_of
from counterpoint.diff.fitting import fitted
from counterpoint.diff.folder import CSV, PARQUET, files_below, keys_of, kind_of, scan_alike, scan_folder
from counterpoint.diff.postgres import SCHEMES, export
from counterpoint.diff.report import Options, Rows, TableDiff
from counterpoint.diff.rowsfile import RowsFile
from counterpoint.diff.schema import check, compare_schemas
from counterpoint.diff.tables import diff_tables
from counterpoint.errors import StorageError, UsageError
from counterpoint.storage.csvdialects import Dialect
from counterpoint.storage.objects import guarded
from counterpoint.storage.tables import files_of, open_table, remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from counterpoint.diff.places import TablePlace


@dataclass(frozen=True)
class Source:
    """A table that can be read; two with the same `files` (None: unknown) have the same rows, `count` of them.

    `texts` are the columns that are converted to the other side's type, `inferred` those whose type may be inferred
    from the texts. `parts` are the files that are read.
    """

    opened: Callable[[], pl.LazyFrame]
    files: frozenset[str] | None = None
    count: int | None = None
    texts: frozenset[str] = frozenset()
    inferred: frozenset[str] = frozenset()
    parts: tuple[str, ...] = ()
    known: pl.Schema | None = None

    @cached_property
    def rows(self) -> pl.LazyFrame:
        """All rows, opened at the first access."""
        return self.opened()

    @cached_property
    def schema(self) -> pl.Schema:
        """The columns; those of a Delta table are known without opening its rows."""
        return self.known or self.rows.collect_schema()


def diff_places(left: TablePlace, right: TablePlace, options: Options | None = None) -> TableDiff:
    """The differences of two tables; Delta tables with the same files are equal without being read.

    Raises:
        UsageError: A table does not exist or cannot be read, or the key or tolerance does not fit.
    """
    options = options or Options()
    with TemporaryDirectory(prefix="counterpoint-diff-") as folder:
        sides = zip((left, right), ("left", "right"), options.csv, strict=True)
        left_source, right_source = (open_source(place, Path(folder, side), csv) for place, side, csv in sides)
        with readable(f"{left.uri} or {right.uri}", left_source.parts + right_source.parts):
            choice = Choice.of(left_source.schema, right_source.schema, options)
            left_source, right_source = (
                _chosen(source, names) for source, names in ((left_source, choice.left), (right_source, choice.right))
            )
            if left_source.count is None or left_source.files is None or left_source.files != right_source.files:
                return diff_tables(*fitted(left_source, right_source), choice.options)
            schemas = left_source.schema, right_source.schema
            differences, layout = compare_schemas(*schemas)
            check(choice.options, *schemas, layout)
            if options.rows_to:
                with RowsFile(Path(options.rows_to), layout):
                    """Without a row."""
            return TableDiff(differences, Rows(left_source.count, left_source.count))


def _chosen(source: Source, names: Mapping[str, str]) -> Source:
    """The table with some of its columns, by the names under which they are compared."""
    texts, inferred = (frozenset(names[n] for n in names if n in some) for some in (source.texts, source.inferred))
    known = None if source.known is None else pl.Schema({new: source.known[own] for own, new in names.items()})
    return replace(
        source,
        opened=lambda: source.rows.select(pl.col(own).alias(new) for own, new in names.items()),
        texts=texts,
        inferred=inferred,
        known=known,
    )


def open_source(place: TablePlace, copy: Path | None = None, csv: Dialect | None = None) -> Source:
    """The table at a place; a database table is copied to the file `copy`, which must exist while it is read.

    Args:
        place: Where it lies.
        copy: The file to copy to; what is not in a database is read without one, too.
        csv: How CSV files are written.

    Raises:
        UsageError: There is none, or it cannot be read.
    """
    uri = place.uri
    if copy and uri.startswith(SCHEMES):
        export(uri, copy)
        return _opened(pl.scan_parquet(copy, glob=False, hive_partitioning=False))
    local = "://" not in uri
    is_folder, kind = local and Path(uri).is_dir(), kind_of(uri)
    with readable(uri):
        if kind == CSV and not is_folder:
            return _csv(uri, [uri], copy, csv)
        if kind == PARQUET and not is_folder:
            return _opened(scan_alike([uri]), parts=(uri,))
        if local and not is_folder:
            raise UsageError(f"{uri} is neither a folder nor a .parquet or .csv file: rename it, or convert it")
        if place.version is not None or place.at is not None or is_delta(uri):
            return _delta(place)
        files = files_below(uri)
        if kind_of(files[0]) == CSV:
            return _csv(uri, files, copy, csv)
        rows, keys = scan_folder(uri, files)
        return _opened(rows, texts=frozenset(keys), parts=tuple(files))


def _opened(rows: pl.LazyFrame, **more: Any) -> Source:
    rows.collect_schema()
    return Source(lambda: rows, **more)


def _csv(uri: str, files: list[str], copy: Path | None, csv: Dialect | None) -> Source:
    dialect = csv or Dialect()
    if copy is None:
        rows = read_csv(uri, files, dialect).lazy()
    else:
        copy_csv(uri, files, copy, dialect)
        rows = pl.scan_ipc(copy)
    names = frozenset(rows.collect_schema())
    return _opened(rows, texts=names, inferred=names - keys_of(uri, files).keys(), parts=tuple(files))


def _delta(place: TablePlace) -> Source:
    uri = place.uri
    table = open_delta(uri, place.version, place.at)
    files = files_of(table)
    known = files["num_records"].null_count() == 0
    count = int(files["num_records"].sum()) if known else None
    places = tuple(place_of_file(uri, path) for path in files["path"])
    return Source(lambda: rows_of(table, uri), frozenset(places), count, parts=places, known=schema_of(table))


def is_delta(uri: str) -> bool:
    """Whether there is a Delta table at a location."""
    # not `is_deltatable`, which ignores the storage options
    return Path(uri, "_delta_log").is_dir() if "://" not in uri else open_table(uri) is not None


@contextmanager
def readable(place: str = "a table", parts: Sequence[str] = ()) -> Iterator[None]:
    """Turns the errors of libraries on files that are missing, damaged or of another format into a UsageError.

    Args:
        place: The location that is read, for the message.
        parts: Its Parquet files; the first that cannot be read is named instead of the place.
    """
    try:
        with guarded(place):
            yield
    except StorageError as error:
        raise _unreadable(place, parts, error.__cause__) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ArrowException) as error:
        raise _unreadable(place, parts, error) from error


def _unreadable(place: str, parts: Sequence[str], error: BaseException | None) -> UsageError:
    for part in parts:
        if kind_of(part) == CSV:  # CSV files are read completely before
            continue
        try:
            rows = pl.scan_parquet(part, glob=False, hive_partitioning=False, **remote(part))
            rows.select(pl.all().null_count()).collect(engine="streaming")
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as part_error:
            return UsageError(
                f"{part} cannot be read: {_line(part_error)}; it is damaged: deliver it again, or name another"
            )
    return UsageError(f"{place} cannot be read: {_line(error)}; check the file, or name another")


def _line(error: BaseException | None) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
