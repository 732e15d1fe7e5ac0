"""Delta tables, read lazily as they were at a version."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import polars as pl

from counterpoint.errors import UsageError
from counterpoint.storage.tables import files_of, open_table, remote

if TYPE_CHECKING:
    from deltalake import DeltaTable

_UNREAD = frozenset(("deletionVectors", "columnMapping"))


def open_delta(uri: str, version: int | None = None) -> DeltaTable:
    """The table at a version (None: the newest).

    Raises:
        UsageError: there is no such table or version, or it uses something that is not read here.
    """
    from deltalake.exceptions import DeltaError

    newest = open_table(uri)
    if newest is None:
        raise UsageError(f"{uri} holds no Delta table: give the folder in which _delta_log lies")
    unread = _UNREAD.intersection(newest.protocol().reader_features or ())
    if unread:
        raise UsageError(f"{uri} uses {', '.join(sorted(unread))}, which are not read here: compare a copy without")
    if version is None:
        return newest
    try:
        newest.load_as_version(version)
    except DeltaError as error:
        raise UsageError(f"{uri} has no version {version} (any more): the newest is {newest.version()}") from error
    return newest


def rows_of(table: DeltaTable, uri: str, where: tuple[str, str] | None = None) -> pl.LazyFrame:
    """The rows of a table, or those of one partition (`where`: its column, which is left out, and key)."""
    schema = pl.DataFrame(table.schema().to_arrow().empty_table()).schema
    partitioned = table.metadata().partition_columns
    files = files_of(table)
    if where:
        files = files.filter(pl.col(f"partition.{where[0]}") == where[1])
    stored = pl.Schema({name: kind for name, kind in schema.items() if name not in partitioned})
    shown = [name for name in schema if where is None or name != where[0]]
    if files.is_empty():
        return pl.LazyFrame(schema=schema).select(shown)
    marks = [f"partition.{name}" for name in partitioned]
    groups = files.partition_by(marks, as_dict=True) if marks else {(): files}
    parts = [
        _scan(uri, list(group["path"]), stored).with_columns(
            [pl.lit(value).cast(schema[name]).alias(name) for name, value in zip(partitioned, values, strict=True)]
        )
        for values, group in groups.items()
    ]
    return pl.concat([part.select(shown) for part in parts])


def _scan(uri: str, paths: list[str], schema: pl.Schema) -> pl.LazyFrame:
    # the log writes paths as in an address; not `scan_delta`, which takes a space in the table's own for %20
    files = [f"{uri}/{unquote(path)}" for path in paths]
    return pl.scan_parquet(
        files, glob=False, hive_partitioning=False, schema=schema, missing_columns="insert", **remote(uri)
    )
