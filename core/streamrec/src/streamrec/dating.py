"""Which files of a folder are of which day: by `{date}` in the profile's pattern, or by dates in all their names.

A day of the pipeline is one of UTC. Where the profile has another time zone, a file is of a day of that zone: a day of
UTC then has rows of two files.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from counterpoint.errors import SourceError
from streamrec.scanning import CSV, JSON, PARQUET, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from counterpoint.model import Partition
    from streamrec.profile import Profile

_LOG = logging.getLogger(__name__)
_KINDS = f"{CSV} or {PARQUET} file, nor {JSON}"
_DAY = timedelta(days=1)
# 2026-01-05, 20260105, 2026/01/05, year=2026/month=01/day=05: the same mark twice or none
_NAMED = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:([-_./])(\d\d)\2|(\d\d)|/month=(\d\d)/day=)(\d\d)(?!\d)")


def day_files(path: Path, profile: Profile, partition: Partition) -> list[tuple[Path, date | None]]:
    """The files that can hold a day, each with the day that it is of; None where its rows are of many.

    Raises:
        SourceError: the path is absent, or holds no such file.
    """
    if path.is_file():
        return [(_readable(path), None)]
    if not path.is_dir():
        about = f"; such data: {profile.about}" if profile.about else ""
        raise SourceError(f"source {path} does not exist: give a folder or a file of CSV or Parquet{about}")
    if profile.is_by_day:
        return list(_of_days(path, profile, partition, lambda day: _matching(path, profile.pattern(day))))
    found, pattern = _matching(path, profile.pattern(None)), profile.files or "**/*"
    if not found:
        raise SourceError(f"source {path} holds no {_KINDS}, like {pattern!r}: give another folder")
    named = {} if profile.files else _named_by_day(path, found)
    if named:
        return list(_of_days(path, profile, partition, lambda day: named.get(day, [])))
    return [(file, None) for file in found]


def is_local(profile: Profile, partition: Partition) -> bool:
    """Whether a day in the profile's time zone is another stretch of time than this day of UTC."""
    if not profile.timezone:
        return False
    zone = ZoneInfo(profile.timezone)
    edges = [datetime.combine(day, time(), zone) for day in (partition.day, partition.day + _DAY)]
    return [edge.astimezone(UTC) for edge in edges] != [partition.start, partition.end]


def _of_days(
    path: Path, profile: Profile, partition: Partition, files: Callable[[date], list[Path]]
) -> Iterator[tuple[Path, date]]:
    """The files of a day, and of the days beside it that reach into it."""
    if not files(partition.day) and not profile.may_be_empty(partition.day):
        held = _held(path, profile)
        raise SourceError(f"source {path} has no date {partition.key}: {held}; choose a date of it")
    for day in _days(profile, partition):
        found = files(day)
        if not found and not profile.is_closed(day) and not profile.may_be_empty(day):
            _LOG.warning("%s: no file of %s, which holds a part of it in %s", partition.key, day, profile.timezone)
        yield from ((file, day) for file in found)


def _days(profile: Profile, partition: Partition) -> list[date]:
    """The days of the profile's zone that a day of UTC has a part of."""
    if not is_local(profile, partition):
        return [partition.day]
    zone = ZoneInfo(profile.timezone or "UTC")
    edges = (partition.start, partition.end - timedelta(microseconds=1))
    return sorted({partition.day, *(edge.astimezone(zone).date() for edge in edges)})


def _named_by_day(folder: Path, files: list[Path]) -> dict[date, list[Path]]:
    """The files by the days in their names, if all have one and two of these days follow each other; else none."""
    found: dict[date, list[Path]] = {}
    for file in files:
        days = {_day_of(match) for match in _NAMED.finditer(file.relative_to(folder).as_posix())}
        if len(days) != 1 or (day := days.pop()) is None:
            return {}
        found.setdefault(day, []).append(file)
    return found if any(day + _DAY in found for day in found) else {}


def _day_of(found: re.Match[str]) -> date | None:
    year, _, marked, plain, hive, day = found.groups()
    try:
        return date(int(year), int(marked or plain or hive), int(day))
    except ValueError:
        return None


def _matching(folder: Path, pattern: str) -> list[Path]:
    return sorted(file for file in folder.glob(pattern) if _is_data(file, folder))


def _is_data(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    return kind_of(file) is not None and file.is_file() and not hidden


def _readable(path: Path) -> Path:
    if kind_of(path) is None:
        raise SourceError(f"source {path} is no {_KINDS}: convert it to one of them")
    return path


def _held(folder: Path, profile: Profile) -> str:
    names = [file.name for file in _matching(folder, profile.pattern(None))]
    if names:
        return f"it holds {len(names)} files, {names[0]} to {names[-1]}"
    return f"no file is like {profile.files or '**/*'!r}"
