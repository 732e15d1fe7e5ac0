"""Folders of Parquet or CSV files as one table, as Spark and Hive leave them."""

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
    """The Parquet files below a folder, or where there is none the CSV files; none whose path has a part _x or .x.

    Raises:
        UsageError: there is no such file.
    """
    names = [name for name in _names(uri) if not any(part.startswith(("_", ".")) for part in name.split("/"))]
    found = [name for name in names if name.endswith(".parquet")] or [n for n in names if n.endswith(".csv")]
    if not found:
        raise UsageError(f"{uri} holds neither a Delta table nor a .parquet file, nor .csv: give the folder of a table")
    return [f"{uri}/{name}" for name in found]


def _names(uri: str) -> list[str]:
    if "://" in uri:
        return Objects(uri).list("")
    return sorted(file.relative_to(uri).as_posix() for file in Path(uri).rglob("*") if file.is_file())


def scan_folder(uri: str, files: Sequence[str]) -> tuple[pl.LazyFrame, list[str]]:
    """Parquet files as one table, and which of its columns are names of folders; those are texts.

    Raises:
        UsageError: a file cannot be read, or files have columns of types that are not alike.
    """
    keys = keys_of(uri, files)
    hive: dict[str, Any] = {"hive_schema": dict.fromkeys(keys, pl.String())} if keys else {}
    rows = scan_alike(files, hive_partitioning=bool(keys), **hive)
    return rows, list(keys)


def keys_of(uri: str, files: Sequence[str]) -> dict[str, list[str | None]]:
    """The columns that folders called NAME=VALUE give, each with its value for every file.

    Raises:
        UsageError: files lie in folders of other names.
    """
    found = [_parts(file.removeprefix(f"{uri}/")) for file in files]
    for file, parts in zip(files, found, strict=True):
        if list(parts) != list(found[0]):
            ours, theirs = ("/".join(f"{key}=..." for key in one) or "no such folder" for one in (parts, found[0]))
            raise UsageError(
                f"{file} lies in {ours}, and {files[0]} in {theirs}: they are no one table; move one of them away"
            )
    return {key: [parts[key] for parts in found] for key in found[0]}


def _parts(path: str) -> dict[str, str | None]:
    pairs = (part.partition("=") for part in path.split("/")[:-1] if "=" in part)
    return {unquote(key): None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value) for key, _, value in pairs}


def scan_alike(files: Sequence[str], wanted: Mapping[str, Any] | None = None, **options: Any) -> pl.LazyFrame:
    """Parquet files as one table, of which each may lack columns or have them in another, alike type.

    Args:
        files: Paths or URIs, at least one.
        wanted: The columns and types of the table; by default those of all files together.
        options: For `scan_parquet`.

    Raises:
        UsageError: a file cannot be read, or the types are not alike.
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
        said = str(error).strip().partition("\n")[0]
        raise UsageError(f"{file} cannot be read: {said}; is it cut? Deliver it again, or take it away") from error


def _together(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The columns of all files, each in a type that holds those of all."""
    found: dict[str, Any] = {}
    places: dict[str, str] = {}
    for file, schema in schemas.items():
        for name, kind in schema.items():
            both = common(found[name], kind, merge=True) if name in found else kind
            if both is None:
                raise UsageError(
                    f"{file}: column {name!r} is {kind}, and in {places[name]} {found[name]}, which are not alike:"
                    " write them in one type, or compare the files one by one"
                )
            found[name] = both
            places.setdefault(name, file)
    return found


def _adapted(
    files: list[str], own: Mapping[str, Any], wanted: Mapping[str, Any], options: Mapping[str, Any]
) -> pl.LazyFrame:
    given = {"glob": False, "hive_partitioning": False, **options}
    rows = pl.scan_parquet(files, **given, **remote(files[0]))
    keys: Iterable[str] = options.get("hive_schema", ())
    cells = [
        (as_type(pl.col(name), own[name], kind) if name in own else pl.lit(None, kind)).alias(name)
        for name, kind in wanted.items()
        if name not in keys
    ]
    return rows.select(*cells, *keys)
