"""Detecting Parquet files that Polars cannot read, by their footer alone."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

_DIGITS = 38


def unreadable(path: Path) -> str | None:
    """A description of what Polars cannot read in a file, with the fix, or None; also None if it is no Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(path)
    except (pa.ArrowException, OSError):
        return None
    return next((problem for field in schema if (problem := _problem(field.name, field.type))), None)


def _problem(name: str, kind: pa.DataType) -> str | None:
    import pyarrow as pa

    for inner in (kind.field(n) for n in range(kind.num_fields)):
        if problem := _problem(f"{name}.{inner.name}", inner.type):
            return problem
    if pa.types.is_timestamp(kind) and kind.tz and not _is_zone(kind.tz):
        return f"column {name!r} has the time zone {kind.tz!r}, which has no name: write its moments in UTC"
    if pa.types.is_decimal(kind) and kind.precision > _DIGITS:
        return f"column {name!r} is {kind}, and a decimal has at most {_DIGITS} digits here: write it as text"
    return None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True
