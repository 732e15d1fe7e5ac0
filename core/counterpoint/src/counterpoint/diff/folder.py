"""Folders of Parquet or CSV files as one table, as Spark and Hive write them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import polars as pl

from counterpoint.diff.types import as_type, common
from counterpoint.errors import UsageError
from counterpoint.storage.objects import Objects
from counterpoint.storage.parquetfiles import unreadable
from counterpoint.storage.tables import remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_READERS = 8


def files_below(uri: str) -> list[str]:
    """The Parquet files below a folder, or else the CSV files, without those in paths with a part _x or .x.

    Raises:
        UsageError: There is no such file.
    """
    names = [name for name in _names(uri) if not any(part.startswith(("_", ".")) for part in name.split("/"))]
    table_files = [name for name in names if name.endswith(".parquet")] or [n for n in names if n.endswith(".csv")]
    if not table_files:
        raise UsageError(f"{uri} holds neither a Delta table nor a .parquet file, nor .csv: give the folder of a table")
    return [f"{uri}/{name}" for name in table_files]


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
    parts = [_adapted(group, dict(own), kinds, options) for own, group in groups.items()]
    return parts[0] if len(parts) == 1 else pl.concat(parts)


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
    scan_options = {"glob": False, "hive_partitioning": False, **options}
    rows = pl.scan_parquet(files, **scan_options, **remote(files[0]))
    keys: Iterable[str] = options.get("hive_schema", ())
    cells = [
        (as_type(pl.col(name), own[name], kind) if name in own else pl.lit(None, kind)).alias(name)
        for name, kind in wanted.items()
        if name not in keys
    ]
    return rows.select(*cells, *keys)
