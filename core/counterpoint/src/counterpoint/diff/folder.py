"""Folders of Parquet or CSV files as one table, as Spark and Hive write them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import polars as pl

from counterpoint.diff.settling import keeps, roomy
from counterpoint.diff.types import as_type, common
from counterpoint.errors import UsageError
from counterpoint.storage.objects import Objects
from counterpoint.storage.parquetfiles import unreadable
from counterpoint.storage.tables import remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PARQUET, CSV = ".parquet", ".csv"
_READERS = 8
# the last ones are not read, and not left out in silence where they lie beside files that are
_KINDS: dict[str, tuple[str, ...]] = {
    PARQUET: (PARQUET,),
    CSV: (CSV, ".csv.gz", ".csv.bz2", ".csv.zst"),
    **{kind: (kind,) for kind in (".tsv", ".jsonl", ".ndjson", ".orc", ".avro", ".parq", ".pq")},
}


def files_below(uri: str) -> list[str]:
    """The Parquet or CSV files below a folder, without those in paths with a part that is `is_hidden`.

    Raises:
        UsageError: There is no such file, or there are files of other kinds beside them.
    """
    names = [name for name in _names(uri) if not any(map(is_hidden, name.split("/")))]
    by_kind: dict[str, list[str]] = {}
    for name in names:
        if kind := kind_of(name):
            by_kind.setdefault(kind, []).append(name)
    if len(by_kind) > 1:
        (one, files), (other, more) = list(by_kind.items())[:2]
        raise UsageError(
            f"{uri} holds files of several kinds, {one} ({files[0]}) and {other} ({more[0]}), which are no one table:"
            " move one kind away, or name a file"
        )
    kind = next(iter(by_kind), "")
    if kind not in (PARQUET, CSV):
        there = f", but {kind}, which is not read here" if kind else ""
        raise UsageError(
            f"{uri} holds neither a Delta table nor a .parquet file, nor .csv{there}: give the folder of a table"
        )
    return [f"{uri}/{name}" for name in by_kind[kind]]


def kind_of(name: str) -> str | None:
    """The kind of data that a file's name tells, such as `.csv` of `x.csv.gz`; None if it tells none."""
    return next((kind for kind, endings in _KINDS.items() if name.lower().endswith(endings)), None)


def is_hidden(part: str) -> bool:
    """Whether Spark leaves out a file or folder of this name: `.x` and `_x`, but not the folder of a column `_x=1`."""
    return part.startswith(".") or (part.startswith("_") and "=" not in part)


def _names(uri: str) -> list[str]:
    if "://" in uri:
        return Objects(uri).list("")
    return sorted(file.relative_to(uri).as_posix() for file in Path(uri).rglob("*") if file.is_file())


def scan_folder(uri: str, files: Sequence[str]) -> tuple[pl.LazyFrame, list[str]]:
    """Parquet files as one table, and its columns that come from folder names, which are texts.

    Raises:
        UsageError: A file cannot be read, or a column has incompatible types.
    """
    keys = keys_of(uri, files)
    hive: dict[str, Any] = {"hive_schema": dict.fromkeys(keys, pl.String())} if keys else {}
    rows = scan_alike(files, hive_partitioning=bool(keys), **hive)
    return rows, list(keys)


def keys_of(uri: str, files: Sequence[str]) -> dict[str, list[str | None]]:
    """The columns given by folders called NAME=VALUE, each with its value for every file.

    Raises:
        UsageError: Files lie in folders with different names.
    """
    parts_by_file = [_parts(file.removeprefix(f"{uri}/")) for file in files]
    for file, parts in zip(files, parts_by_file, strict=True):
        if list(parts) != list(parts_by_file[0]):
            ours, theirs = (
                "/".join(f"{key}=..." for key in names) or "no such folder" for names in (parts, parts_by_file[0])
            )
            raise UsageError(
                f"{file} lies in {ours}, and {files[0]} in {theirs}: they are no one table; move one of them away"
            )
    return {key: [parts[key] for parts in parts_by_file] for key in parts_by_file[0]}


def _parts(path: str) -> dict[str, str | None]:
    pairs = (part.partition("=") for part in path.split("/")[:-1] if "=" in part)
    return {unquote(key): None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value) for key, _, value in pairs}


def scan_alike(files: Sequence[str], wanted: Mapping[str, Any] | None = None, **options: Any) -> pl.LazyFrame:
    """Parquet files as one table; a file may lack columns, or have them in another, compatible type.

    Args:
        files: Paths or URIs, at least one.
        wanted: The columns and types of the table; by default those of all files together.
        options: For `scan_parquet`.

    Raises:
        UsageError: A file cannot be read, or the types are not compatible.
    """
    groups: dict[tuple[tuple[str, Any], ...], list[str]] = {}
    with ThreadPoolExecutor(_READERS) as pool:
        for file, schema in zip(files, pool.map(_schema, files), strict=True):
            groups.setdefault(tuple(schema.items()), []).append(file)
    kinds = dict(wanted) if wanted is not None else _together({group[0]: dict(own) for own, group in groups.items()})
    if wanted is None and len(groups) > 1:
        kinds = {name: _with_room(name, kind, groups) for name, kind in kinds.items()}
    parts = [_adapted(group, dict(own), kinds, options) for own, group in groups.items()]
    return parts[0] if len(parts) == 1 else pl.concat(parts)


def _with_room(name: str, kind: Any, groups: Mapping[tuple[tuple[str, Any], ...], list[str]]) -> Any:
    """A type that holds all values of a column whose files have it in several units or scales."""
    own_types = {dict(own)[name]: files for own, files in groups.items() if name in dict(own)}
    options = roomy(kind) if len(own_types) > 1 else []
    scans = [(_scan(files), own) for own, files in own_types.items()]
    for option in options:
        if all(keeps(rows, name, own, option) for rows, own in scans):
            return option
    if options:
        first, second = list(own_types.items())[:2]
        raise UsageError(
            f"{second[1][0]}: column {name!r} is {second[0]}, and in {first[1][0]} {first[0]}, and no unit or scale"
            " holds the values of both: write them in one type, or compare the files one by one"
        )
    return kind


def _schema(file: str) -> pl.Schema:
    if "://" not in file and (problem := unreadable(Path(file))):
        raise UsageError(f"{file}: {problem}")
    try:
        return pl.scan_parquet(file, glob=False, hive_partitioning=False, **remote(file)).collect_schema()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"{file} cannot be read: {reason}; is it cut? Deliver it again, or take it away") from error


def _together(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The columns of all files, each in a type that holds the values of all files."""
    columns: dict[str, Any] = {}
    places: dict[str, str] = {}
    for file, schema in schemas.items():
        for name, kind in schema.items():
            merged = common(columns[name], kind, merge=True) if name in columns else kind
            if merged is None:
                raise UsageError(
                    f"{file}: column {name!r} is {kind}, and in {places[name]} {columns[name]}, which are not alike:"
                    " write them in one type, or compare the files one by one"
                )
            columns[name] = merged
            places.setdefault(name, file)
    return columns


def _adapted(
    files: list[str], own: Mapping[str, Any], wanted: Mapping[str, Any], options: Mapping[str, Any]
) -> pl.LazyFrame:
    rows = _scan(files, **options)
    keys: Iterable[str] = options.get("hive_schema", ())
    spare = [column for column in own if column not in wanted]
    stored = {name: name if name in own else _spelled(name, spare, files[0]) for name in wanted if name not in keys}
    cells = [
        (as_type(pl.col(column), own[column], wanted[name]) if column else pl.lit(None, wanted[name])).alias(name)
        for name, column in stored.items()
    ]
    return rows.select(*cells, *keys)


def _scan(files: list[str], **options: Any) -> pl.LazyFrame:
    return pl.scan_parquet(files, **{"glob": False, "hive_partitioning": False, **options}, **remote(files[0]))


def _spelled(name: str, columns: Iterable[str], file: str) -> str | None:
    """The one of some columns that differs from a name in case alone, as engines of SQL read it."""
    others = [column for column in columns if column.casefold() == name.casefold()]
    if len(others) > 1:
        raise UsageError(f"{file} has the columns {', '.join(map(repr, others))}, and the table {name!r}: rename them")
    return others[0] if others else None
