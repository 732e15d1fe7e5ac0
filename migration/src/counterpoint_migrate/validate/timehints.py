"""Guesses about time: another interval, another time zone, late rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint_migrate.validate.row_diff import surplus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from counterpoint.model import Partition
    from counterpoint_migrate.validate.row_diff import Pair

    Guess = tuple[str, str, dict[str, Any]] | None

_MIN_EXPLAINED, _FEW = 0.9, 0.05
_QUARTER = timedelta(minutes=15)
# the zones of the world
_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)
_MAX_PAIRED = 200_000


def interval(pair: Pair) -> Guess:
    """The rows of a day equal those of the day before or after on the other side."""
    for side, own_rows, other_side in (("left", pair.left, "right"), ("right", pair.right, "left")):
        for days in (-1, 1):
            neighbour_rows = pair.neighbour(days, other_side)
            if neighbour_rows is not None and own_rows.height and _same(own_rows, neighbour_rows):
                direction = "before" if days < 0 else "after"
                rows = f"the {own_rows.height} rows of the {side} side"
                text = f"off by one interval: {rows} are those of the day {direction} on the {other_side}"
                return "interval", text, {"side": side, "shift": days, "rows": own_rows.height}
    return None


def _same(ours: pl.DataFrame, theirs: pl.DataFrame) -> bool:
    """Whether two days have the same rows, ignoring columns with a single value per day, such as the date."""
    varying = [name for name in ours.columns if ours[name].n_unique() > 1] or ours.columns
    return ours.height == theirs.height and surplus(ours, theirs, varying).is_empty()


def local_time(pair: Pair, partition: Partition) -> Guess:
    """Rows of a whole time range that moved to a neighbouring day, or time stamps with a constant offset."""
    for name in pair.moments():
        hint = _shifted(pair, name) or _moved(pair, name, partition)
        if hint:
            return hint
    return _zone_missing(pair)


def _shifted(pair: Pair, name: str) -> Guess:
    """Time stamps with a constant offset of quarter hours between rows that are equal otherwise."""
    other_columns = [
        column for column in pair.left.columns if column != name and not pair.left.schema[column].is_nested()
    ]
    candidates = pl.concat(
        [pair.only_right, *(neighbour for days in (-1, 1) if (neighbour := pair.neighbour(days, "right")) is not None)]
    )
    if not other_columns or pair.only_left.is_empty() or candidates.is_empty():
        return None
    joined = pair.only_left.select(*other_columns, name).join(
        candidates.select(*other_columns, pl.col(name).alias("\0other")),
        on=other_columns,
        how="inner",
        nulls_equal=True,
    )
    if joined.is_empty() or joined.height > _MAX_PAIRED:
        return None
    offset, rows = joined.select((pl.col(name) - pl.col("\0other")).alias("gap"))["gap"].value_counts(sort=True).row(0)
    if not offset or offset % _QUARTER or not _WEST <= offset <= _EAST or rows < _MIN_EXPLAINED * pair.only_left.height:
        return None
    text = f"local time instead of UTC: {name} is {_clock(offset)} ahead on the left side in {rows} rows"
    return "local_time", text, {"column": name, "offset": _clock(offset), "rows": rows}


def _moved(pair: Pair, name: str, partition: Partition) -> Guess:
    """A day that starts and ends at another hour on one side."""
    for side, other_side, side_rows, extra in (
        ("left", "right", pair.left, pair.only_left),
        ("right", "left", pair.right, pair.only_right),
    ):
        for days in (-1, 1):
            neighbour = pair.neighbour(days, other_side)
            if neighbour is None or extra.is_empty() or side_rows.is_empty():
                continue
            moved = surplus(neighbour, surplus(neighbour, side_rows))
            if moved.height < _MIN_EXPLAINED * _beyond(extra, name, partition, days).height or moved.is_empty():
                continue
            edge = partition.start if days < 0 else partition.end
            offset = _offset(neighbour, moved, name, _edge(pair.left, name, edge), days)
            if offset is not None:
                sign = _clock(offset)
                text = (
                    f"local time instead of UTC: {moved.height} rows of the neighbouring day by {name} are in this one"
                    f" on the {side} side, as if its day began at UTC{sign}"
                )
                return "local_time", text, {"column": name, "offset": sign, "side": side, "rows": moved.height}
    return None


def _beyond(rows: pl.DataFrame, name: str, partition: Partition, days: int) -> pl.DataFrame:
    """The rows before (-1) or after (1) a partition."""
    start, end = (_edge(rows, name, moment) for moment in (partition.start, partition.end))
    return rows.filter(pl.col(name) < start if days < 0 else pl.col(name) >= end)


def _edge(rows: pl.DataFrame, name: str, moment: datetime) -> datetime:
    """A moment in the type of a column: with or without a time zone."""
    zone = getattr(rows.schema[name], "time_zone", None)
    return moment if zone else moment.replace(tzinfo=None)


def _offset(neighbour: pl.DataFrame, moved: pl.DataFrame, name: str, edge: datetime, days: int) -> timedelta | None:
    """The offset of the start of a day: all rows of the neighbouring day between it and the edge have moved."""
    stayed_times = surplus(neighbour, moved)[name].drop_nulls()
    moved_times = moved[name].drop_nulls()
    if moved_times.is_empty() or stayed_times.is_empty():
        return None
    # the cut is between the last row that stayed and the first that moved, or the other way round
    low, high = (stayed_times.max(), moved_times.min()) if days < 0 else (moved_times.max(), stayed_times.min())
    if not low < high:  # type: ignore[operator]  # moments
        return None
    offsets = [offset for offset in _offsets() if offset and low < edge - offset <= high]  # type: ignore[operator]
    return offsets[0] if offsets else None


def _offsets() -> Iterator[timedelta]:
    """The offsets of time zones: whole hours first, then half hours, then quarters, each from small to large."""
    count = (_EAST - _WEST) // _QUARTER
    offsets = [_WEST + _QUARTER * number for number in range(count + 1)]
    yield from sorted(
        offsets,
        key=lambda offset: (
            (offset % timedelta(hours=1)) / _QUARTER % 4 != 0,
            bool(offset % (2 * _QUARTER)),
            abs(offset),
        ),
    )


def _zone_missing(pair: Pair) -> Guess:
    """A column with a time zone on one side only."""
    for name, kinds in pair.types.items():
        if all(isinstance(kind, pl.Datetime) for kind in kinds) and name not in pair.left.columns:
            side = "left" if getattr(kinds[0], "time_zone", None) is None else "right"
            text = f"{name} has no time zone on the {side} side and one on the other: local time, perhaps"
            return "local_time", text, {"column": name, "offset": None, "types": [str(kind) for kind in kinds]}
    return None


def _clock(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def other_day(pair: Pair, partition: Partition) -> Guess:
    """A few rows of one side only, all of another day."""
    for side, extra, other in _few(pair):
        for name in pair.moments():
            outside = sum(_beyond(extra, name, partition, days).height for days in (-1, 1))
            if outside == extra.height:
                return _late_hint(side, extra, other, f"all of another day by {name}", name)
    return None


def late_rows(pair: Pair) -> Guess:
    """A few rows of one side only, which are the last of the day."""
    for side, extra, other in _few(pair):
        for name in pair.moments():
            first, last = extra[name].min(), other[name].max()
            if extra[name].null_count() or first is None or last is None:
                continue
            if first >= last:  # type: ignore[operator]  # moments
                return _late_hint(side, extra, other, f"all after the last of the other side by {name}", name)
    return None


def _few(pair: Pair) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """The side that has a few extra rows: its name, these rows, and all rows of the other side."""
    for side, extra, lacking, other in pair.sides:
        if extra.height and lacking.is_empty() and extra.height <= max(1, _FEW * other.height):
            yield side, extra, other


def _late_hint(side: str, extra: pl.DataFrame, other: pl.DataFrame, reason: str, name: str) -> Guess:
    text = f"late rows: {extra.height} rows are only on the {side} side, {reason}"
    return "late_rows", text, {"side": side, "rows": extra.height, "column": name, "rows_of_other": other.height}
