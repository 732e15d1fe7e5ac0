"""Parsing the operands of `diff`: a table, a version of a pipeline's data, or a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.diff.postgres import FORM, SCHEMES
from counterpoint.errors import UsageError
from counterpoint.runtime import find_pipeline, registered
from counterpoint.storage import Store, layout
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES = (".parquet", ".csv", ".csv.gz", ".csv.bz2", ".csv.zst")
# a date, or a moment in ISO 8601
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
_REMOTE = ("s3://", "s3a://")
_FORMS = (
    "write a Delta folder with or without @VERSION or @TIME, a Parquet file or folder, a CSV file,"
    f" {FORM}, PIPELINE@TAG, or a run's id"
)


@dataclass(frozen=True, slots=True)
class TablePlace:
    """A table: a Delta folder, a Parquet or CSV file or folder, or a table of PostgreSQL.

    A Delta table has an optional version, by its number or by the moment `at` which it was the newest one.
    """

    uri: str
    version: int | None = None
    at: datetime | None = None

    sort = "table"


@dataclass(frozen=True, slots=True)
class VersionPlace:
    """A version of a pipeline's data."""

    pipeline: str
    tag: str

    sort = "version"


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A run, with its record as it is stored."""

    run_id: str
    record: Mapping[str, Any]

    sort = "run"


Place = TablePlace | VersionPlace | RunPlace


def place_of(root: str, text: str) -> Place:
    """The table, version or run that an operand names.

    An existing path is a table, also with an `@` in its name; next come `TABLE@NUMBER`, `PIPELINE@TAG` and runs.

    Raises:
        UsageError: It names nothing, or a table that does not exist.
    """
    if "://" in text:
        return _remote(text)
    if Path(text).exists():
        return TablePlace(str(Path(text).absolute()))
    base, _, suffix = text.rpartition("@")
    is_version = suffix.isdecimal() or _MOMENT.fullmatch(suffix) is not None
    if base and is_version and Path(base).exists() and base not in registered():
        return _at_version(str(Path(base).absolute()), suffix)
    if base and not _looks_like_a_path(base):
        find_pipeline(base)
        return VersionPlace(base, suffix)
    if _looks_like_a_path(base if is_version and base else text):
        raise UsageError(f"{text} does not exist: {_FORMS}")
    return _run(root, text)


def _remote(text: str) -> TablePlace:
    if text.startswith(SCHEMES):
        return TablePlace(text)
    if not text.startswith(_REMOTE):
        raise UsageError(f"{text.partition('://')[0]}:// is not read: export the table to Parquet, or {_FORMS}")
    base, _, suffix = text.rpartition("@")
    if suffix.isdecimal() or _MOMENT.fullmatch(suffix):
        return _at_version(base.rstrip("/"), suffix)
    return TablePlace(text.rstrip("/"))


def _at_version(uri: str, text: str) -> TablePlace:
    if uri.endswith(_FILES) or ("://" not in uri and not Path(uri, "_delta_log").is_dir()):
        raise UsageError(f"{uri}@{text}: only a Delta table has versions, and this is none: leave @{text} out")
    if text.isdecimal():
        return TablePlace(uri, int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{uri}@{text}: there is no such moment; write one like 2026-01-07T12:00:00Z") from None
    return TablePlace(uri, at=moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _looks_like_a_path(text: str) -> bool:
    return "/" in text or text.endswith(_FILES)


def _run(root: str, run_id: str) -> RunPlace:
    objects = Objects(root)
    for pipeline in objects.folders(layout.RUNS):
        record = objects.get_json(layout.run_record(pipeline, run_id))
        if record is not None:
            return RunPlace(run_id, record)
    hint = f"; a version of its data is written {run_id}@TAG" if run_id in registered() else ""
    raise UsageError(f"there is no table and below {root} no run {run_id!r}{hint}: {_FORMS}")


def store_of(root: str, place: VersionPlace) -> Store:
    """The store of a version.

    Raises:
        UsageError: The pipeline has no such version.
    """
    from counterpoint.model import PRODUCTION
    from counterpoint.storage.tags import unknown
    from counterpoint.storage.versions import versions

    pipeline = find_pipeline(place.pipeline)
    store = Store(root, pipeline, place.tag)
    tags = [info.tag for info in versions(store)]
    if place.tag not in {*tags, PRODUCTION}:
        raise unknown(place.tag, place.pipeline, [*tags, PRODUCTION])
    return store
