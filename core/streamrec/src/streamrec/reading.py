"""One file of a source, opened: its columns checked against the profile, then read as events."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.errors import SourceError
from counterpoint.redaction import UNSHOWN, row_value, shows_rows
from counterpoint.storage.csvdialects import separator_hint
from streamrec.dating import is_local
from streamrec.keeping import Keep
from streamrec.parsing import event_columns, stamps
from streamrec.profile import FIELDS, REQUIRED, Profile
from streamrec.scanning import ROW, Table, collected

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from counterpoint.model import Partition

_MOMENT, _JOINED = "__moment", "__stamp"
# a number or a date, as which no column is called
_VALUE = re.compile(r"-?[0-9]+([.,][0-9]+)?$|[0-9]{4}-[0-9]{2}-[0-9]{2}")


class OpenedFile:
    """One file whose columns are those that the profile names.

    Raises:
        SourceError: the file is empty, cut, or lacks a column.
        UsageError: the profile's `keep` cannot be applied to it.
    """

    def __init__(self, file: Path, name: str, profile: Profile) -> None:
        self._file, self._name, self._profile = file, name, profile
        table = Table(file, profile.written.csv)
        self._types = table.types
        _check_columns(file, profile, list(self._types))
        self._keep = Keep(profile.keep, self._types, file)
        time_column = profile.written.time_column
        fields = [column for field in FIELDS if (column := profile.column(field)) in self._types]
        columns = [*fields, *self._keep.columns, *([time_column] if time_column else [])]
        self._frame = table.rows(list(dict.fromkeys(columns)))
        if time_column:
            self._join_stamps(time_column)
        self._stamp = self._profile.column("timestamp")
        self._moments = stamps(pl.col(self._stamp), self._types[self._stamp], self._profile)

    def _join_stamps(self, time_column: str) -> None:
        """Puts date and time of two columns into one, which the profile then names."""
        stamp = self._profile.column("timestamp")
        texts = [pl.col(name).cast(pl.String).str.strip_chars() for name in (stamp, time_column)]
        self._frame = self._frame.with_columns(pl.concat_str(texts, separator=" ").alias(_JOINED))
        self._types = {**self._types, _JOINED: pl.String()}
        self._profile = replace(self._profile, columns={**self._profile.columns, "timestamp": _JOINED})

    def span(self) -> tuple[str, str] | None:
        """The first and the last day of its stamps; None of a file without rows.

        Raises:
            SourceError: most stamps cannot be read, or have no zone.
        """
        unread = self._moments.is_null() & pl.col(self._stamp).is_not_null()
        query = self._frame.select(
            rows=pl.len(),
            unread=unread.sum(),
            first=self._moments.min().dt.strftime("%Y-%m-%d"),
            last=self._moments.max().dt.strftime("%Y-%m-%d"),
        )
        found = collected(query, self._file).row(0, named=True)
        if found["unread"] * 2 > found["rows"]:
            examples = collected(self._frame.filter(unread).select(self._stamp).head(3), self._file)[self._stamp]
            raise SourceError(self._unread_stamps(found["unread"], examples))
        return (found["first"], found["last"]) if found["first"] else None

    def _unread_stamps(self, count: int, examples: pl.Series) -> str:
        profile = self._profile
        assumed = stamps(pl.col(self._stamp), examples.dtype, Profile(format=profile.format, timezone="UTC"))
        zoneless = profile.timezone is None and examples.to_frame().select(assumed.is_not_null().all()).item()
        shown = ", ".join(row_value(str(value)[:40]) for value in examples)
        what = f"{self._file}: {count} values of column {self._stamp!r}"
        if profile.format is None and profile.written.epoch is None and _are_numbers(examples):
            return f"{what} are numbers (such as {shown}): write [timestamps] unit in a profile, s or ms since 1970"
        if zoneless:
            return f"{what} have no time zone (such as {shown}): write [timestamps] timezone in a profile"
        epoch = profile.written.epoch
        written = f"{epoch} since 1970" if epoch else profile.format or "ISO 8601"
        what += f" ({examples.dtype}) are no stamps as {written} (such as {shown})"
        return f"{what}: correct [timestamps] format"

    def rows(self, partition: Partition, day: date | None) -> pl.DataFrame:
        """Its events of a day (`day`: the one that the file is of): the columns of `schema.RAW`, and `keeping.KEPT`.

        Raises:
            SourceError: a column is of another type, or the file is damaged.
            UsageError: the profile's `keep` cannot be applied.
        """
        placed = self._frame.with_columns(self._moments.alias(_MOMENT))
        placed = placed.filter(self._belongs(partition, day))
        origin = pl.lit(f"{self._name}:") + pl.col(ROW).cast(pl.String)
        columns = event_columns(self._types, self._profile, pl.col(_MOMENT))
        found = collected(placed.select(*columns, origin.alias("origin"), *self._keep.selected()), self._file)
        self._check_readable(found)
        return self._keep.judged(found)

    def _belongs(self, partition: Partition, day: date | None) -> pl.Expr:
        """Whether a row is of a day; of a file that is of a day, what has no place in that day stays with it."""
        moment = pl.col(_MOMENT)
        if day is None:
            return _is_within(moment.forward_fill().backward_fill(), partition)
        if not is_local(self._profile, partition):
            return pl.lit(value=True)
        assert self._profile.timezone is not None  # noqa: S101 - else no day is local
        ours = (moment.dt.convert_time_zone(self._profile.timezone).dt.date() == day).fill_null(value=False)
        if day != partition.day:
            return ours & _is_within(moment, partition)
        beside = [partition.day + timedelta(days=n) for n in (-1, 1)]
        closed = [one for one in beside if self._profile.is_closed(one)]
        return ~ours | _is_within(moment, partition) | moment.dt.date().is_in(closed)

    def _check_readable(self, found: pl.DataFrame) -> None:
        unread = found.filter(pl.col("malformed").str.contains("watch_seconds='", literal=True))
        if len(unread) * 2 > len(found):
            column = self._profile.column("watch_seconds")
            shown = ", ".join(unread["malformed"].head(3)) if shows_rows() else UNSHOWN
            raise SourceError(f"{self._file}: column {column!r} holds no numbers ({shown}): name another one")


def _are_numbers(examples: pl.Series) -> bool:
    return bool(examples.cast(pl.String, strict=False).str.contains(r"^\s*[0-9]{9,19}(\.[0-9]+)?\s*$").all())


def _cause(profile: Profile, columns: list[str]) -> str:
    """Why the names may be none of a header: another separator, or no header at all."""
    if hint := separator_hint(tuple(columns), profile.written.csv):
        return f"{hint}, write [csv] separator in a profile; or "
    if any(_VALUE.match(name) for name in columns):
        return "they look like values: if the file has no header, write [csv] header in a profile; or "
    return ""


def _is_within(moment: pl.Expr, partition: Partition) -> pl.Expr:
    return (moment >= partition.start) & (moment < partition.end)


def _check_columns(file: Path, profile: Profile, columns: list[str]) -> None:
    time_column = profile.written.time_column
    if time_column and time_column not in columns:
        raise SourceError(f"{file} has no column {time_column!r} for the time; it has {', '.join(columns)}")
    wanted = [name for name in REQUIRED if name not in profile.defaults or name in profile.columns]
    for field in dict.fromkeys([*wanted, *profile.columns]):
        column = profile.column(field)
        if column not in columns:
            suggest: list[Any] = get_close_matches(column, columns, 1)
            hint = f"is it {suggest[0]!r} now? " if suggest else _cause(profile, columns)
            raise SourceError(
                f"{file} has no column {column!r} for {field}; it has {', '.join(columns)}:"
                f" {hint}name the right one under [columns] of a profile"
            )
