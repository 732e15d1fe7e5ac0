"""The identity of rejected rows: the same row of the same partition has the same id in every run."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

# The columns that a check adds; the others are the row itself.
VERDICT = ("reason", "column", "check")
_LENGTH = 32


def identities(step: str, partition: str, rejected: pl.DataFrame, again: Sequence[bool]) -> list[str]:
    """The id of each row, 32 hexadecimal digits: from step, partition, content, and its number among equal rows.

    `again` says which rows were resubmitted ones; they are counted by themselves.
    """
    seen: Counter[tuple[str, bool]] = Counter()
    found = []
    for content in zip(texts(content_of(rejected)), again, strict=True):
        named = json.dumps([step, partition, *content, seen[content]])
        found.append(hashlib.sha256(named.encode()).hexdigest()[:_LENGTH])
        seen[content] += 1
    return found


def content_of(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows without the columns that a check adds."""
    return frame.drop(VERDICT, strict=False)


def texts(frame: pl.DataFrame) -> list[str]:
    """Each row as JSON, its columns by name; binary values in base64."""
    import polars as pl

    if not frame.columns:
        return [""] * frame.height
    readable = frame.select(sorted(frame.columns)).with_columns(pl.col(pl.Binary).bin.encode("base64"))
    return readable.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()


def failed_again(rejected: pl.DataFrame, resubmitted: pl.DataFrame | None) -> list[bool]:
    """Which rejected rows were resubmitted: as many as there are resubmitted rows of the same content."""
    shared = set(content_of(rejected).columns).intersection(() if resubmitted is None else resubmitted.columns)
    if resubmitted is None or not shared:
        return [False] * rejected.height
    left = Counter(texts(resubmitted.select(shared)))
    found = []
    for text in texts(rejected.select(shared)):
        found.append(left[text] > 0)
        left[text] -= 1
    return found
