"""The source of a logical date: generated events, or a folder or file of CSV or Parquet with a profile."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.contracts import Validated
from counterpoint.errors import UsageError
from streamrec import synthetic
from streamrec.dating import day_files
from streamrec.files import read_day
from streamrec.generator_config import PREFIX, Recipe
from streamrec.profile import Profile, load_profile
from streamrec.schema import RAW

if TYPE_CHECKING:
    from counterpoint.model import Partition

_PROFILE = ",profile="


def raw_interactions(partition: Partition, source: str) -> Validated:
    """One day of events, as they come from the source.

    The rows have the columns of `schema.RAW`; nothing is rejected here: a value that cannot be read is null,
    and `malformed` says what stood there. The summary counts `rows` and `filtered`, rows that are no
    interactions.

    Raises:
        UsageError: the source or its profile is not written as it must be.
        SourceError: there are no events of that day, or a file cannot be read as described.
    """
    if is_synthetic(source):
        rows = synthetic.events(Recipe.parse(source), partition)
        return Validated(rows, rows.clear(), {"rows": len(rows), "filtered": 0})
    found = Files.parse(source)
    if found.profile.is_closed(partition.day):
        empty = pl.DataFrame(schema=RAW)
        return Validated(empty, empty, {"rows": 0, "filtered": 0, "closed": 1})
    rows, filtered = read_day(found.path, found.profile, partition)
    return Validated(rows, rows.clear(), {"rows": len(rows), "filtered": filtered})


@dataclass(frozen=True, slots=True)
class Files:
    """A source that is a folder or file, and its profile."""

    path: Path
    profile: Profile

    @classmethod
    def parse(cls, source: str) -> Files:
        """The source written `PATH` or `PATH,profile=FILE`.

        Raises:
            UsageError: there is no path, or the profile cannot be read.
        """
        path, _, profile = source.partition(_PROFILE)
        if not path.strip():
            raise UsageError(f"source {source!r} names no folder or file: write FOLDER[,profile=FILE], or {PREFIX}")
        return cls(Path(path.strip()), load_profile(profile.strip()) if profile.strip() else Profile())


def is_synthetic(source: str) -> bool:
    """Whether the source is generated: `synthetic`, or `synthetic:` with settings."""
    return source.partition(":")[0].strip() == PREFIX


def source_profile(source: str) -> Profile:
    """The profile of a source; that of a generated one is empty.

    Raises:
        UsageError: the source or its profile is not written as it must be.
    """
    return Profile() if is_synthetic(source) else Files.parse(source).profile


def absolute(source: str) -> str:
    """The same source with absolute paths, so that it means the same from every working folder."""
    if is_synthetic(source):
        return source
    path, marker, profile = source.partition(_PROFILE)
    return str(Path(path.strip()).resolve()) + (marker + str(Path(profile.strip()).resolve()) if marker else "")


def check_source(source: str, partition: Partition) -> None:
    """Finds, before anything runs, that a source cannot be right: cheap, reads no event.

    Raises:
        UsageError: the source or its profile is not written as it must be, or the day is a closed one.
        SourceError: the folder is absent, or no file of it can hold that day.
    """
    if is_synthetic(source):
        Recipe.parse(source)
        return
    found = Files.parse(source)
    if found.profile.is_closed(partition.day):
        raise UsageError(f"{partition.key} is a closed day of {found.path} by its profile: choose another date")
    day_files(found.path, found.profile, partition)


def source_digest(source: str, partition: Partition) -> str:
    """A digest of what the source holds for a day: of its settings, its profile and the bytes of its files.

    Raises:
        UsageError, SourceError: as `raw_interactions`.
    """
    if is_synthetic(source):
        return f"sha256:{hashlib.sha256(repr(Recipe.parse(source)).encode()).hexdigest()}"
    found = Files.parse(source)
    total = hashlib.sha256(found.profile.identity.encode())
    closed = found.profile.is_closed(partition.day)
    for path, _ in [] if closed else day_files(found.path, found.profile, partition):
        with path.open("rb") as stream:
            total.update(path.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{total.hexdigest()}"
