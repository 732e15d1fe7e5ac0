"""Guesses about time: another interval, another zone, rows that came late."""

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

    Told = tuple[str, str, dict[str, Any]] | None

_MOST, _FEW = 0.9, 0.05
_QUARTER = timedelta(minutes=15)
# the zones of the world
_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)
_MOST_PAIRED = 200_000


def interval(pair: Pair) -> Told:
    """The rows of a day are those of the day before or after on the other side."""
    for side, ours, other in (("left", pair.left, "right"), ("right", pair.right, "left")):
        for days in (-1, 1):
            theirs = pair.suggest(days, other)
            if theirs is not None and ours.height and _same(ours, theirs):
                which = "before" if days < 0 else "after"
                rows = f"the {ours.height} rows of the {side} side are those of the day {which} on the {other}"
                text = f"off by one interval: {rows}"
                return "interval", text, {"side": side, "shift": days, "rows": ours.height}
    return None


def _same(ours: pl.DataFrame, theirs: pl.DataFrame) -> bool:
    """Whether two days have the same rows, but for columns that are one value all day, such as the day's name."""
    varying = [name for name in ours.columns if ours[name].n_unique() > 1] or ours.columns
    return ours.height == theirs.height and surplus(ours, theirs, varying).is_empty()


def local_time(pair: Pair, partition: Partition) -> Told:
    """Rows that moved to a neighbouring day as a whole stretch of time, or time stamps that are all off by as much."""
    for name in pair.moments():
        found = _shifted(pair, name) or _moved(pair, name, partition)
        if found:
            return found
    return _without_zone(pair)


def _shifted(pair: Pair, name: str) -> Told:
    """Time stamps that differ by one number of quarter hours from those of rows that are equal otherwise."""
    others = [column for column in pair.left.columns if column != name and not pair.left.schema[column].is_nested()]
    theirs = pl.concat([pair.only_right, *(f for days in (-1, 1) if (f := pair.suggest(days, "right")) is not None)])
    if not others or pair.only_left.is_empty() or theirs.is_empty():
        return None
    joined = pair.only_left.select(*others, name).join(
        theirs.select(*others, pl.col(name).alias("\0other")), on=others, how="inner", nulls_equal=True
    )
    if joined.is_empty() or joined.height > _MOST_PAIRED:
        return None
    offset, rows = joined.select((pl.col(name) - pl.col("\0other")).alias("gap"))["gap"].value_counts(sort=True).row(0)
    if not offset or offset % _QUARTER or not _WEST <= offset <= _EAST or rows < _MOST * pair.only_left.height:
        return None
    text = f"local time instead of UTC: {name} is {_clock(offset)} ahead on the left side in {rows} rows"
    return "local_time", text, {"column": name, "offset": _clock(offset), "rows": rows}


def _moved(pair: Pair, name: str, partition: Partition) -> Told:
    """A day that begins and ends at another hour on one side."""
    for side, other, ours, extra in (
        ("left", "right", pair.left, pair.only_left),
        ("right", "left", pair.right, pair.only_right),
    ):
        for days in (-1, 1):
            beside = pair.suggest(days, other)
            if beside is None or extra.is_empty() or ours.is_empty():
                continue
            there = surplus(beside, surplus(beside, ours))
            if there.height < _MOST * _beyond(extra, name, partition, days).height or there.is_empty():
                continue
            edge = partition.start if days < 0 else partition.end
            offset = _offset(beside, there, name, _edge(pair.left, name, edge), days)
            if offset is not None:
                sign = _clock(offset)
                text = (
                    f"local time instead of UTC: {there.height} rows of the neighbouring day by {name} are in this one"
                    f" on the {side} side, as if its day began at UTC{sign}"
                )
                return "local_time", text, {"column": name, "offset": sign, "side": side, "rows": there.height}
    return None


def _beyond(rows: pl.DataFrame, name: str, partition: Partition, days: int) -> pl.DataFrame:
    """The rows before (-1) or after (1) a partition."""
    start, end = (_edge(rows, name, moment) for moment in (partition.start, partition.end))
    return rows.filter(pl.col(name) < start if days < 0 else pl.col(name) >= end)


def _edge(rows: pl.DataFrame, name: str, moment: datetime) -> datetime:
    """A moment as a column's values are: with or without a zone."""
    zone = getattr(rows.schema[name], "time_zone", None)
    return moment if zone else moment.replace(tzinfo=None)


def _offset(beside: pl.DataFrame, moved: pl.DataFrame, name: str, edge: datetime, days: int) -> timedelta | None:
    """The offset by which a day begins otherwise: all rows of the neighbour from there to the edge have moved."""
    stayed = surplus(beside, moved)[name].drop_nulls()
    gone = moved[name].drop_nulls()
    if gone.is_empty() or stayed.is_empty():
        return None
    # the cut lies after the last that stayed and not after the first that moved, or the other way round
    low, high = (stayed.max(), gone.min()) if days < 0 else (gone.max(), stayed.min())
    if not low < high:  # type: ignore[operator]  # moments
        return None
    fitting = [o for o in _offsets() if o and low < edge - o <= high]  # type: ignore[operator]
    return fitting[0] if fitting else None


def _offsets() -> Iterator[timedelta]:
    """The offsets of zones: whole hours first, then half ones, then quarters; the smaller ones first."""
    count = (_EAST - _WEST) // _QUARTER
    every = [_WEST + _QUARTER * number for number in range(count + 1)]
    yield from sorted(
        every, key=lambda o: ((o % timedelta(hours=1)) / _QUARTER % 4 != 0, bool(o % (2 * _QUARTER)), abs(o))
    )


def _without_zone(pair: Pair) -> Told:
    """A column that has a zone on one side alone, and is off by as much in each row, or by nothing."""
    for name, kinds in pair.types.items():
        if all(isinstance(kind, pl.Datetime) for kind in kinds) and name not in pair.left.columns:
            side = "left" if getattr(kinds[0], "time_zone", None) is None else "right"
            text = f"{name} has no time zone on the {side} side and one on the other: local time, perhaps"
            return "local_time", text, {"column": name, "offset": None, "types": [str(kind) for kind in kinds]}
    return None


def _clock(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def other_day(pair: Pair, partition: Partition) -> Told:
    """Few rows of one side alone, all of which lie in another day."""
    for side, extra, other in _few(pair):
        for name in pair.moments():
            outside = sum(_beyond(extra, name, partition, days).height for days in (-1, 1))
            if outside == extra.height:
                return _late(side, extra, other, f"all of another day by {name}", name)
    return None


def late_rows(pair: Pair) -> Told:
    """Few rows of one side alone that are the day's last ones."""
    for side, extra, other in _few(pair):
        for name in pair.moments():
            first, last = extra[name].min(), other[name].max()
            if extra[name].null_count() or first is None or last is None:
                continue
            if first >= last:  # type: ignore[operator]  # moments
                return _late(side, extra, other, f"all after the last of the other side by {name}", name)
    return None


def _few(pair: Pair) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """The side that alone has some rows, if they are few: its name, these rows, and the other side's."""
    for side, extra, lacking, other in pair.sides:
        if extra.height and lacking.is_empty() and extra.height <= max(1, _FEW * other.height):
            yield side, extra, other


def _late(side: str, extra: pl.DataFrame, other: pl.DataFrame, told: str, name: str) -> Told:
    text = f"late rows: {extra.height} rows are only on the {side} side, {told}"
    return "late_rows", text, {"side": side, "rows": extra.height, "column": name, "rows_of_other": other.height}
