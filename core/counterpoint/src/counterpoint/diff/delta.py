"""Delta tables, read lazily as they were at a version."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

import polars as pl

from counterpoint.diff.folder import scan_alike
from counterpoint.errors import UsageError
from counterpoint.storage.tables import files_of, open_table

if TYPE_CHECKING:
    from deltalake import DeltaTable

# the reader features that are supported here; old protocols declare column mapping in the configuration
_READ = frozenset(
    (
        "timestampNtz",
        "typeWidening",
        "typeWidening-preview",
        "v2Checkpoint",
        "vacuumProtocolCheck",
        "deletionVectors",
        "columnMapping",
    )
)
_MAPPING = "delta.columnMapping.mode"


def open_delta(uri: str, version: int | None = None, at: datetime | None = None) -> DeltaTable:
    """The table at a version, or as it was at a moment (both None: the newest version).

    Raises:
        UsageError: There is no such table or version, or it uses a feature that is not supported here.
    """
    from deltalake.exceptions import DeltaError

    newest = open_table(uri)
    if newest is None:
        raise UsageError(f"{uri} holds no Delta table: give the folder in which _delta_log lies")
    if version is not None:
        try:
            newest.load_as_version(version)
        except DeltaError as error:
            raise UsageError(f"{uri} has no version {version} (any more): the newest is {newest.version()}") from error
    if at is not None:
        _load_as_of(newest, uri, at)
    if unread := _unread(newest):
        raise UsageError(f"{uri} uses {', '.join(unread)}, which is not read here: compare a copy without")
    return newest


def _load_as_of(table: DeltaTable, uri: str, at: datetime) -> None:
    """Loads the last version that was committed at a moment or before it."""
    timed = [commit for commit in table.history() if "timestamp" in commit]
    commits = [(int(commit["timestamp"]), int(commit["version"])) for commit in timed]
    versions = [number for milliseconds, number in commits if milliseconds <= at.timestamp() * 1000]
    if not versions:
        first = datetime.fromtimestamp(min(commits)[0] / 1000, UTC).isoformat() if commits else "not known"
        raise UsageError(f"{uri} has no version of {at.isoformat()} (any more): its first commit is of {first}")
    table.load_as_version(max(versions))


def _unread(table: DeltaTable) -> list[str]:
    """What a table uses, at its version, that is not read here."""
    features = {str(one) for one in table.protocol().reader_features or ()}
    found = sorted(features - _READ)
    mode = table.metadata().configuration.get(_MAPPING, "none")
    if mode != "none":
        found.append(f"columnMapping ({_MAPPING} = {mode})")
    return found + (["deletionVectors"] if "deletionVectors" in features and _has_deletions(table) else [])


def _has_deletions(table: DeltaTable) -> bool:
    """Whether rows are deleted by a deletion vector; one that cannot be read counts as well."""
    from deltalake.exceptions import DeltaError

    try:
        return any(batch.num_rows for batch in table.deletion_vectors())
    except (DeltaError, OSError):
        return True


def rows_of(table: DeltaTable, uri: str, where: tuple[str, str] | None = None) -> pl.LazyFrame:
    """The rows of a table, or of one partition (`where`: its column, which is left out, and its key).

    Raises:
        UsageError: A file cannot be read.
    """
    schema = schema_of(table)
    partitioned = table.metadata().partition_columns
    files = files_of(table)
    if where:
        files = files.filter(pl.col(f"partition.{where[0]}") == where[1])
    stored = {name: kind for name, kind in schema.items() if name not in partitioned}
    shown = [name for name in schema if where is None or name != where[0]]
    if files.is_empty():
        return pl.LazyFrame(schema=schema).select(shown)
    marks = [f"partition.{name}" for name in partitioned]
    groups = files.partition_by(marks, as_dict=True) if marks else {(): files}
    parts = [
        scan_alike([place_of_file(uri, path) for path in group["path"]], stored).with_columns(
            [pl.lit(value).cast(schema[name]).alias(name) for name, value in zip(partitioned, values, strict=True)]
        )
        for values, group in groups.items()
    ]
    return pl.concat([part.select(shown) for part in parts])


def schema_of(table: DeltaTable) -> pl.Schema:
    """The columns of a table."""
    return pl.DataFrame(table.schema().to_arrow().empty_table()).schema


def place_of_file(uri: str, path: str) -> str:
    """The location of a table's file: below the table, or elsewhere in a shallow clone."""
    # the log stores paths URL-encoded; not `scan_delta`, which reads a space in the table's path as %20
    plain = unquote(path)
    if plain.startswith("file://"):
        return plain.removeprefix("file://")
    return plain if plain.startswith("/") or "://" in plain else f"{uri}/{plain}"
