"""Production's tables: ordinary Delta tables of the published outputs, which any reader understands.

A promotion copies the files of its outputs into production's folder, then adds them to each table in one commit. The
commit's transaction identifier shows a process that completes the promotion later that the commit was made. An output
with one table for all partitions has only its newest partition there.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StorageError, UsageError
from counterpoint.model import PRODUCTION, Materialization, OutputKind
from counterpoint.storage import layout
from counterpoint.storage.objects import guarded
from counterpoint.storage.tables import create_table, files_of, is_lost_race, opened, writable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deltalake import DeltaTable, Schema

    from counterpoint.storage.objects import Objects

_TRIES = 12
Entries = dict[str, Materialization]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a partition: its path below the table, its size in bytes, its rows, and its present path."""

    key: str
    path: str
    size: int
    rows: int
    source: str


@dataclass(frozen=True, slots=True)
class Content:
    """New content of a production table: the files that replace those of some partitions."""

    uri: str
    column: str | None
    keys: tuple[str, ...]
    files: tuple[File, ...]
    schema: Schema | None


def table_uri(objects: Objects, pipeline: str, step: str) -> str:
    """The location of the table of a step in production."""
    return objects.uri(layout.table_folder(PRODUCTION, pipeline, step))


def stage(objects: Objects, pipeline: str, step: str, entries: Entries) -> None:
    """Copies the files of entries into production, where no reader sees them before `arrive`.

    Raises:
        UsageError: A column has another type than in the partitions of production that stay.
        DamagedOutputError: A file is lost.
        StorageError: The root cannot be written.
    """
    tables = _tables(entries)
    if tables:
        content = _content(objects, table_uri(objects, pipeline, step), tables)
        with guarded(content.uri):
            _merged(writable(content.uri), content)
        for file in content.files:
            _copy(objects, file.source, f"{objects.path(content.uri, layout.TABLES)}/{file.path}", file.size)
    for entry in entries.values():
        if entry.reference.kind != OutputKind.TABLE and entry.reference.uri:
            source, target = _folders(objects, entry)
            for path, size in objects.sizes(source).items():
                _copy(objects, path, f"{target}/{path.removeprefix(f'{source}/')}", size)


def arrive(objects: Objects, pipeline: str, step: str, entries: Entries, removed: Sequence[str], tag: str) -> Entries:
    """Adds staged entries to production's table and removes others from it, in one commit.

    A repeated call changes nothing, also if several processes make it at the same time.

    Returns:
        The entries with references to production.

    Raises:
        StorageError: The table cannot be written.
    """
    stage(objects, pipeline, step, entries)
    tables = _tables(entries)
    uri = table_uri(objects, pipeline, step)
    moved = {key: _moved(objects, entry, tag) for key, entry in entries.items() if key not in tables}
    if tables:
        content = _content(objects, uri, tables)
    elif removed and writable(uri) is not None:
        content = Content(uri, _column(opened(uri, None)), (), (), None)
    else:
        return moved
    is_outdated = content.column is None and _is_older(objects, pipeline, step, content)
    if not is_outdated and (content.column is not None or content.keys):
        version = commit(replace(content, keys=(*content.keys, *removed)), f"counterpoint/{pipeline}/{tag}")
        moved |= {
            key: replace(
                tables[key],
                origin=_origin(objects, tables[key], tag),
                reference=replace(tables[key].reference, uri=uri, table_version=version),
            )
            for key in content.keys
        }
    return {**tables, **moved}


def _tables(entries: Entries) -> Entries:
    return {key: entry for key, entry in entries.items() if entry.reference.kind == OutputKind.TABLE}


def _content(objects: Objects, uri: str, entries: Entries) -> Content:
    """The files of entries, which may be of several versions; without table partitions, those of the newest entry."""
    files: list[File] = []
    fields: dict[str, Any] = {}
    column = None
    keys = sorted(entries)
    for key in reversed(keys):
        reference = entries[key].reference
        place = objects.uri(objects.path(reference.uri, layout.TABLES))
        with guarded(place):
            table = opened(place, reference.table_version)
        column = _column(table)
        for field in table.schema().fields:
            fields.setdefault(field.name, field)
        files += files_of_partition(objects, table, place, key)
        if column is None:
            keys = [key]
            break
    from deltalake import Schema

    return Content(uri, column, tuple(keys), tuple(files), Schema(list(fields.values())))


def _column(table: DeltaTable) -> str | None:
    columns = table.metadata().partition_columns
    return columns[0] if columns else None


def files_of_partition(objects: Objects, table: DeltaTable, place: str, key: str) -> list[File]:
    """The files of one partition of a table, or of the whole table if it has no partitions."""
    import polars as pl

    column, folder = _column(table), objects.path(place, layout.TABLES)
    listed = files_of(table)
    if column is not None:
        listed = listed.filter(pl.col(f"partition.{column}") == key)
    rows = listed.select("path", "size_bytes", "num_records").iter_rows() if listed.height else ()
    return [File(key, path, size, count or 0, f"{folder}/{path}") for path, size, count in rows]


def _copy(objects: Objects, source: str, target: str, size: int) -> None:
    if source == target or objects.sizes(target.rpartition("/")[0]).get(target) == size:
        return
    objects.put(target, objects.get_or_raise(source))


def _folders(objects: Objects, entry: Materialization) -> tuple[str, str]:
    """The folder of an entry's files, and their folder in production."""
    source = objects.path(entry.reference.uri, layout.ARTIFACTS)
    return source, layout.in_production(source)


def _moved(objects: Objects, entry: Materialization, tag: str) -> Materialization:
    if not entry.reference.uri:
        return entry
    uri = objects.uri(_folders(objects, entry)[1])
    return replace(entry, origin=_origin(objects, entry, tag), reference=replace(entry.reference, uri=uri))


def _origin(objects: Objects, entry: Materialization, tag: str) -> str | None:
    """The version in which an output was made: that of the promotion, unless the output was pinned from production."""
    version = layout.version_of(objects.path(entry.reference.uri))
    return entry.origin if version == PRODUCTION else tag if entry.origin is None else entry.origin


def _is_older(objects: Objects, pipeline: str, step: str, content: Content) -> bool:
    """Whether a later partition than those of a content is already published."""
    paths = objects.list(layout.catalog_folder(PRODUCTION, pipeline, step))
    keys = [layout.name_of(path) for path in paths]
    return max(keys, default="") > max(content.keys, default="")


def commit(content: Content, transaction: str | None = None) -> int:
    """Commits a content to a table, once for each transaction; returns a version of the table that has it.

    Raises:
        StorageError: The table cannot be written, or all attempts lost against other writers.
    """
    for attempt in range(_TRIES):
        with guarded(content.uri):
            table = writable(content.uri)
            if table is None and content.schema is not None:
                table = create_table(content.uri, content.schema, content.column)
            if table is None:
                raise StorageError(f"{content.uri} holds no table: run 'counterpoint doctor'")
            if transaction and table.transaction_version(transaction) is not None:
                return _version_of(content.uri, table, transaction)
            if _is_committed(table, content, transaction):
                return opened(content.uri, None).version()
        time.sleep(random.uniform(0, min(0.05 * 2**attempt, 2.0)))  # noqa: S311 - spreads competing writers
    raise StorageError(f"{content.uri}: {_TRIES} commits lost against other writers: promote again")


def _is_committed(table: DeltaTable, content: Content, transaction: str | None) -> bool:
    from deltalake import CommitProperties, Transaction
    from deltalake.exceptions import DeltaError

    transactions = [Transaction(transaction, 1)] if transaction else []
    try:
        table.create_write_transaction(
            [_added(content, file) for file in content.files],
            "overwrite",
            _merged(table, content),
            [content.column] if content.column else [],
            [(content.column, "in", list(content.keys))] if content.column else None,
            # on a conflict everything is read anew, because another process may have made this very commit
            commit_properties=CommitProperties(max_commit_retries=0, app_transactions=transactions),
        )
    except (DeltaError, OSError) as error:
        if not is_lost_race(error):
            raise
        return False
    return True


def _added(content: Content, file: File) -> Any:
    from deltalake.transaction import AddAction

    return AddAction(
        path=file.path,
        size=file.size,
        partition_values={content.column: file.key} if content.column else {},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _merged(table: DeltaTable | None, content: Content) -> Schema:
    """The columns of a table together with those of a content.

    Raises:
        UsageError: A column has two types, and partitions with the other type stay.
    """
    from deltalake import Schema

    assert table is not None or content.schema is not None  # noqa: S101 - one of both is there
    if content.schema is None:
        return table.schema()  # type: ignore[union-attr]
    staying = [] if table is None else _staying(table, content)
    if table is None or not staying:
        return content.schema
    fields = {field.name: field for field in table.schema().fields}
    for field in content.schema.fields:
        before = fields.setdefault(field.name, field)
        if before.type != field.type:
            raise UsageError(
                f"{content.uri}: column {field.name} is {before.type} in {', '.join(staying[:5])}, which stay, and"
                f" {field.type} in what is promoted: no table has both; have the version make those partitions, too"
            )
    return Schema(list(fields.values()))


def _staying(table: DeltaTable, content: Content) -> list[str]:
    """The partitions of a table that a content does not replace."""
    listed = files_of(table)
    if content.column is None or not listed.height:
        return []
    return sorted(set(listed[f"partition.{content.column}"].to_list()) - set(content.keys))


def _version_of(uri: str, table: DeltaTable, transaction: str) -> int:
    """The version that a transaction made."""
    version = table.version()
    while version > 0:
        before = opened(uri, version - 1)
        if before.transaction_version(transaction) is None:
            break
        version -= 1
    return version


def align(objects: Objects, pipeline: str, step: str, key: str, standing: Materialization | None) -> None:
    """Updates a partition in the newest version of production's table to its published entry, if they differ.

    They differ after a branch chose otherwise, after several processes published one partition at the same time, or
    after an earlier partition of a table without partitions was published.
    """
    uri = table_uri(objects, pipeline, step)
    with guarded(uri):
        newest = writable(uri)
    if newest is None or (standing is not None and standing.reference.table_version == newest.version()):
        return
    content = _published_content(objects, uri, key, standing)
    current_files = files_of_partition(objects, newest, uri, key)
    if {file.path for file in current_files} != {file.path for file in content.files}:
        for file in content.files:
            _copy(objects, file.source, f"{objects.path(uri, layout.TABLES)}/{file.path}", file.size)
        commit(content)


def _published_content(objects: Objects, uri: str, key: str, entry: Materialization | None) -> Content:
    if entry is None:
        return Content(uri, _column(opened(uri, None)), (key,), (), None)
    return _content(objects, uri, {key: entry})


def keys_in(values: Mapping[str, Any]) -> tuple[Entries, list[str]]:
    """The entries of a step in a journal, and the partitions that are removed."""
    entries = {key: Materialization.from_dict(value) for key, value in values.items() if not value.get("removed")}
    return entries, [key for key in values if key not in entries]
