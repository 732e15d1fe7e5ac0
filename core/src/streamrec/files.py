"""One day of a source that is a file or folder: which files can hold it, and its rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.errors import SourceError
from streamrec.profile import DATE
from streamrec.reading import KEPT, OpenedFile
from streamrec.scanning import SUFFIXES
from streamrec.schema import RAW

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.model import Partition
    from streamrec.profile import Profile

_LOG = logging.getLogger(__name__)
_KINDS = " or ".join(SUFFIXES)


def day_files(path: Path, profile: Profile, partition: Partition) -> list[Path]:
    """The files that can hold a day: the path itself if it is a file, else what the profile finds in it.

    Raises:
        SourceError: the path is absent, or holds no such file.
    """
    if path.is_file():
        return [_readable(path)]
    if not path.is_dir():
        about = f"; such data: {profile.about}" if profile.about else ""
        raise SourceError(f"source {path} does not exist: give a folder or a file of CSV or Parquet{about}")
    pattern = profile.files or "**/*"
    found = sorted(file for file in path.glob(pattern.replace(DATE, partition.key)) if _is_data(file, path))
    if found:
        return found
    if DATE in pattern:
        raise SourceError(f"source {path} has no date {partition.key}: {_held(path, pattern)}; choose a date of it")
    raise SourceError(f"source {path} holds no {_KINDS} file like {pattern!r}: give another folder")


def _is_data(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    return file.suffix.lower() in SUFFIXES and file.is_file() and not hidden


def _readable(path: Path) -> Path:
    if path.suffix.lower() not in SUFFIXES:
        raise SourceError(f"source {path} is no {_KINDS} file: convert it to one of them")
    return path


def _held(folder: Path, pattern: str) -> str:
    names = sorted(file.name for file in folder.glob(pattern.replace(DATE, "*")) if _is_data(file, folder))
    return f"it holds {len(names)} files, {names[0]} to {names[-1]}" if names else f"no file is like {pattern!r}"


def read_day(path: Path, profile: Profile, partition: Partition) -> tuple[pl.DataFrame, int]:
    """The events of a day (columns of `schema.RAW`), and how many of its rows were no interactions.

    Where the pattern holds `{date}` the file is the day's as a whole; elsewhere a row belongs to the day of
    its stamp, and one whose stamp cannot be read to the day of the row before it.

    Raises:
        SourceError: no row of that day, or a file that is not as described.
        UsageError: the profile's `keep` cannot be applied.
    """
    whole = DATE in (profile.files or "") and path.is_dir()
    files = [OpenedFile(file, _name(file, path), profile) for file in day_files(path, profile, partition)]
    spans = [file.span() for file in files]
    rows = pl.concat([file.rows(None if whole else partition) for file in files])
    if rows.is_empty():
        raise SourceError(f"source {path} has no events of date {partition.key}: {_covered(spans)}; choose another")
    events = rows.filter(KEPT).select(*RAW)
    filtered = len(rows) - len(events)
    _LOG.info("%s: %d of %d rows are no interactions and are left out", partition.key, filtered, len(rows))
    return events, filtered


def _name(file: Path, source: Path) -> str:
    return file.name if file == source else file.relative_to(source).as_posix()


def _covered(spans: list[tuple[str, str] | None]) -> str:
    known = [span for span in spans if span]
    if not known:
        return "there is a header and no row"
    return f"its stamps run from {min(span[0] for span in known)} to {max(span[1] for span in known)}"
