"""Tables as Delta tables: one commit replaces one partition; conflicts are tried again from a fresh read."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StorageError
from counterpoint.storage.objects import guarded

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable

_TRIES = 12
_CHECKPOINT_EVERY = "10"


@dataclass(frozen=True, slots=True)
class Written:
    """A commit: the table's version after it, and the bytes of the partition's files."""

    version: int
    bytes: int


def options() -> dict[str, str]:
    """The storage options of S3, from the usual AWS_* variables."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def remote(uri: str) -> dict[str, Any]:
    """What Polars' readers and writers must be told of a place beside its URI."""
    return {"storage_options": options()} if "://" in uri else {}


def open_table(uri: str, version: int | None = None) -> DeltaTable | None:
    """The table at a version (None: the newest), or None when there is no table."""
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        return DeltaTable(uri, version=version, storage_options=options())
    except TableNotFoundError:
        return None


def replace_partition(uri: str, frame: pl.DataFrame, column: str | None, key: str) -> Written:
    """Replaces one partition (`column` None: the whole table) by a frame, in one commit.

    Raises:
        StorageError: the table cannot be written, or other writers kept winning.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError

    for attempt in range(_TRIES):
        try:
            with guarded(uri):
                return _commit(uri, frame, column, key)
        except StorageError as error:
            lost = isinstance(error.__cause__, CommitFailedError) or (
                isinstance(error.__cause__, DeltaError | OSError) and "already exists" in str(error.__cause__)
            )
            if not lost:
                raise
        time.sleep(random.uniform(0, min(0.05 * 2**attempt, 2.0)))  # noqa: S311 - spreads competing writers
    raise StorageError(f"{uri}: {_TRIES} commits of {key} lost against other writers: run it again")


def _commit(uri: str, frame: pl.DataFrame, column: str | None, key: str) -> Written:
    import polars as pl
    from deltalake import write_deltalake

    rows = frame if column is None else frame.with_columns(pl.lit(key).alias(column))
    data = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    table = open_table(uri) or _created(uri, data.schema, column)
    write_deltalake(
        table,
        data,
        mode="overwrite",
        predicate=None if column is None else f"{column} = '{key}'",
        schema_mode="overwrite" if column is None else "merge",
        storage_options=options(),
    )
    return Written(table.version(), int(_files(table, column, key)["size_bytes"].sum()))


def _created(uri: str, schema: Any, column: str | None) -> DeltaTable:
    """A new table without rows: of two first writers of one with rows, the second would add its own to the first's."""
    from deltalake import DeltaTable

    if "://" not in uri:
        Path(uri).mkdir(parents=True, exist_ok=True)
    return DeltaTable.create(
        uri,
        schema,
        mode="error",
        partition_by=None if column is None else [column],
        configuration={"delta.checkpointInterval": _CHECKPOINT_EVERY},
        storage_options=options(),
    )


def files_of(table: DeltaTable) -> pl.DataFrame:
    """The files of a table as it is: `path` below its place, `size_bytes`, `num_records`, `partition.NAME` a column."""
    import polars as pl

    # not by pyarrow: turning what is not its own into a table, it imports pandas, a second for every writer
    return pl.DataFrame(table.get_add_actions(flatten=True))


def _files(table: DeltaTable, column: str | None, key: str) -> pl.DataFrame:
    """The files of a partition."""
    import polars as pl

    files = files_of(table)
    return files if column is None else files.filter(pl.col(f"partition.{column}") == key)


def read_partition(uri: str, version: int | None, column: str | None, key: str) -> pl.DataFrame:
    """One partition of a table as it was at a version.

    Raises:
        StorageError: there is no such table or version.
    """
    import polars as pl

    with guarded(uri):
        table = open_table(uri, version)
        if table is None:
            raise StorageError(f"{uri} holds no table: it was removed after it was referred to; run its step again")
        # not `file_uris`: it writes a space as %20, which is no file's name
        files = [f"{uri}/{path}" for path in _files(table, column, key)["path"]]
        if not files:
            return _empty(table, column)
        return pl.scan_parquet(files, glob=False, hive_partitioning=False, **remote(uri)).collect()


def _empty(table: DeltaTable, column: str | None) -> pl.DataFrame:
    import polars as pl

    found = pl.DataFrame(table.schema().to_arrow().empty_table())
    return found if column is None else found.drop(column)
