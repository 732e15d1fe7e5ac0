"""The rows of one day of a source that is a file or folder."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.errors import SourceError
from streamrec.dating import day_files
from streamrec.keeping import KEPT
from streamrec.reading import OpenedFile
from streamrec.schema import RAW

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.model import Partition
    from streamrec.profile import Profile

_LOG = logging.getLogger(__name__)


def read_day(path: Path, profile: Profile, partition: Partition) -> tuple[pl.DataFrame, int]:
    """The events of a day (columns of `schema.RAW`), and how many of its rows were no interactions.

    Where files are of one day each (`dating`), a file is the day's as a whole; elsewhere a row belongs to the day of
    its stamp, and one whose stamp cannot be read to the day of the row before it.

    Raises:
        SourceError: no row of that day, or a file that is not as described.
        UsageError: the profile's `keep` cannot be applied.
    """
    spans, parts = [], []
    for file, day in day_files(path, profile, partition):
        opened = OpenedFile(file, _name(file, path), profile)
        spans.append(opened.span())
        parts.append(opened.rows(partition, day))
    if profile.may_be_empty(partition.day) and all(part.is_empty() for part in parts):
        return pl.DataFrame(schema=RAW), 0
    rows = pl.concat(parts)
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
