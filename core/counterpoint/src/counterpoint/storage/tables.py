"""Tables as Delta tables: one commit replaces one partition; conflicts are retried from a fresh read."""

from __future__ import annotations

import logging
import os
import random
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DamagedOutputError, StorageError
from counterpoint.storage.damage import LOG, damaged_file, damaged_log, is_panic, set_aside
from counterpoint.storage.objects import Objects, guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl
    from deltalake import DeltaTable

log = logging.getLogger(__name__)
_TRIES = 12
_CHECKPOINT_EVERY = "10"
_LOG_RETENTION = "interval 36500 days"


@dataclass(frozen=True, slots=True)
class Written:
    """A commit: the table's version after it, and the bytes of the partition's files."""

    version: int
    bytes: int


def options() -> dict[str, str]:
    """The storage options of S3, from the usual AWS_* variables."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def remote(uri: str) -> dict[str, Any]:
    """The further arguments that Polars' readers and writers need for a URI."""
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
        StorageError: The table cannot be written, or all attempts lost against other writers.
    """
    _refuse_without_proc(uri)
    for attempt in range(_TRIES):
        try:
            with guarded(uri):
                return _commit(uri, frame, column, key)
        except StorageError as error:
            if not is_lost_race(error.__cause__):
                raise
        time.sleep(random.uniform(0, min(0.05 * 2**attempt, 2.0)))  # noqa: S311 - spreads competing writers
    raise StorageError(f"{uri}: {_TRIES} commits of {key} lost against other writers: run it again")


def _refuse_without_proc(uri: str) -> None:
    """Refuses to write on Linux without /proc, where the library's writer would panic: it reads /proc/meminfo."""
    if sys.platform == "linux" and not Path("/proc/meminfo").exists():
        error = StorageError(
            f"{uri} cannot be written: /proc is not mounted here, and Delta tables need it; mount it"
            " (mount -t proc proc /proc), or let the container or sandbox have it"
        )
        error.failure = "bad_configuration"
        raise error


def is_lost_race(error: BaseException | None) -> bool:
    """Whether a commit failed because another writer's came first."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    return isinstance(error, CommitFailedError) or (
        isinstance(error, DeltaError | OSError) and "already exists" in str(error)
    )


def _commit(uri: str, frame: pl.DataFrame, column: str | None, key: str) -> Written:
    import polars as pl
    from deltalake import write_deltalake

    rows = frame if column is None else frame.with_columns(pl.lit(key).alias(column))
    data = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    table = writable(uri) or create_table(uri, data.schema, column)
    write_deltalake(
        table,
        data,
        mode="overwrite",
        predicate=None if column is None else f"{column} = '{key}'",
        schema_mode="overwrite" if column is None else "merge",
        storage_options=options(),
    )
    return Written(table.version(), int(_files(table, column, key)["size_bytes"].sum()))


def writable(uri: str) -> DeltaTable | None:
    """The newest state of a table, or None if there is none; a damaged log is moved aside to make the table anew."""
    try:
        table = open_table(uri)
    except BaseException as error:
        if not (isinstance(error, Exception) or is_panic(error)) or not _was_set_aside(uri):
            raise
        return None
    if table is None:
        _was_set_aside(uri)
    return table


def _was_set_aside(uri: str) -> bool:
    """Moves a damaged log aside; returns whether it did."""
    try:
        damage = damaged_log(uri) if Objects(uri).list(LOG) else None
    except StorageError:  # the writer reports what is wrong with the root
        return False
    if damage is not None:
        log.warning("%s %s: the table's log is moved aside and the table is written again", damage.place, damage.what)
        set_aside(uri)
    return damage is not None


def create_table(uri: str, schema: Any, column: str | None) -> DeltaTable:
    """Creates a table without rows: if two writers created it with rows, the second would add to the first's rows."""
    from deltalake import DeltaTable

    if "://" not in uri:
        Path(uri).mkdir(parents=True, exist_ok=True)
    return DeltaTable.create(
        uri,
        schema,
        mode="error",
        partition_by=None if column is None else [column],
        # references name versions of the table, which are lost when the log expires
        configuration={"delta.checkpointInterval": _CHECKPOINT_EVERY, "delta.logRetentionDuration": _LOG_RETENTION},
        storage_options=options(),
    )


def files_of(table: DeltaTable) -> pl.DataFrame:
    """The files of a table: `path` below its location, `size_bytes`, `num_records` and `partition.NAME` columns."""
    import polars as pl

    # not by pyarrow, which imports pandas for such a conversion: a second for every writer
    return pl.DataFrame(table.get_add_actions(flatten=True))


def partition_files(table: DeltaTable, column: str | None, key: str) -> list[tuple[str, int]]:
    """The files of a partition, each by its path below the table and its size in bytes."""
    files = _files(table, column, key)
    return list(zip(files["path"].to_list(), files["size_bytes"].to_list(), strict=True))


def _files(table: DeltaTable, column: str | None, key: str) -> pl.DataFrame:
    """The files of a partition."""
    import polars as pl

    files = files_of(table)
    return files if column is None else files.filter(pl.col(f"partition.{column}") == key)


def read_partition(uri: str, version: int | None, column: str | None, key: str) -> pl.DataFrame:
    """One partition of a table as it was at a version.

    Raises:
        DamagedOutputError: There is no such table or version, or a file of it is lost or damaged.
        StorageError: It cannot be read now.
    """
    import polars as pl

    table = opened(uri, version)
    files = partition_files(table, column, key)
    outside = [path for path, _ in files if path.startswith("/") or "://" in path or ".." in path.split("/")]
    if outside:
        raise DamagedOutputError(f"{uri}/{LOG}", f"names the file {outside[0]}, which lies outside of the table")
    if not files:
        return _empty(table, column)
    # not `file_uris`, which writes a space as %20
    places = [f"{uri}/{path}" for path, _ in files]
    with _examined(uri, lambda: damaged_file(uri, files)):
        return pl.scan_parquet(places, glob=False, hive_partitioning=False, **remote(uri)).collect()


def opened(uri: str, version: int | None) -> DeltaTable:
    """A table that must exist, at a version.

    Raises:
        DamagedOutputError: There is no such table or version, or its log is damaged.
        StorageError: It cannot be read now.
    """
    with _examined(uri, lambda: damaged_log(uri) or _absent(uri, version)):
        table = open_table(uri, version)
        if table is None:
            raise FileNotFoundError(f"{uri} holds no table")
    return table


def _absent(uri: str, version: int | None) -> DamagedOutputError | None:
    """The error for a version that an intact log does not reach, because the table was written anew; else None."""
    newest = open_table(uri)
    if newest is None or version is None or version <= newest.version():
        return None
    return DamagedOutputError(f"{uri}/{LOG}", f"does not hold version {version} of the table")


@contextmanager
def _examined(uri: str, damage: Callable[[], DamagedOutputError | None]) -> Iterator[None]:
    """Searches for damage after a reader has failed; without damage, the failure is an error of the root."""
    try:
        with guarded(uri):
            yield
    except BaseException as error:
        if not (isinstance(error, StorageError) or is_panic(error)):
            raise
        if isinstance(error, StorageError) and error.failure != StorageError.failure:
            raise
        with guarded(uri):
            damage_error = damage()
        if damage_error is not None:
            raise damage_error from error
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{uri} cannot be read: {error}; run 'counterpoint doctor'") from error


def _empty(table: DeltaTable, column: str | None) -> pl.DataFrame:
    import polars as pl

    frame = pl.DataFrame(table.schema().to_arrow().empty_table())
    return frame if column is None else frame.drop(column)
