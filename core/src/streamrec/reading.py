"""One file of a source, opened: its columns checked against the profile, then read as events."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.errors import SourceError, UsageError
from streamrec.parsing import event_columns, kept, stamps, used_by_keep
from streamrec.profile import REQUIRED, Profile
from streamrec.scanning import ROW, collected, scan

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.model import Partition

KEPT = "__kept"
_MOMENT = "__moment"


class OpenedFile:
    """One file whose columns are those that the profile names.

    Raises:
        SourceError: the file is empty, cut, or lacks a column.
        UsageError: the profile's `keep` cannot be applied to it.
    """

    def __init__(self, file: Path, name: str, profile: Profile) -> None:
        self._file, self._name, self._profile = file, name, profile
        self._frame = scan(file)
        schema = collected(self._frame.head(0), file).schema
        self._types = {column: dtype for column, dtype in schema.items() if column != ROW}
        _check_columns(file, profile, list(self._types))
        self._kept = kept(self._types, profile)
        self._stamp = profile.column("timestamp")
        self._moments = stamps(pl.col(self._stamp), self._types[self._stamp], profile)

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
        shown = ", ".join(repr(str(value)[:40]) for value in examples)
        what = f"{self._file}: {count} values of column {self._stamp!r}"
        if zoneless:
            return f"{what} have no time zone (such as {shown}): write [timestamps] timezone in a profile"
        written = profile.format or "ISO 8601"
        what += f" ({examples.dtype}) are no stamps as {written} (such as {shown})"
        return f"{what}: correct [timestamps] format"

    def rows(self, partition: Partition | None) -> pl.DataFrame:
        """Its events (of that day only, if one is given): the columns of `schema.RAW`, and `KEPT`.

        Raises:
            SourceError: a column is of another type, or the file is damaged.
            UsageError: the profile's `keep` cannot be applied.
        """
        placed = self._frame.with_columns(self._moments.alias(_MOMENT))
        if partition is not None:
            day = pl.col(_MOMENT).forward_fill().backward_fill()
            placed = placed.filter((day >= partition.start) & (day < partition.end))
        origin = pl.lit(f"{self._name}:") + pl.col(ROW).cast(pl.String)
        columns = event_columns(self._types, self._profile, pl.col(_MOMENT))
        found = collected(placed.select(*columns, origin.alias("origin"), *self._used()), self._file)
        self._check_readable(found)
        return self._judged(found)

    def _used(self) -> list[pl.Expr]:
        return [pl.col(name).alias(f"__{name}") for name in used_by_keep(self._profile)]

    def _judged(self, found: pl.DataFrame) -> pl.DataFrame:
        """The events with `KEPT` instead of the columns that `keep` uses."""
        prefixed = [f"__{name}" for name in used_by_keep(self._profile)]
        inputs = pl.DataFrame([_as_number(found[name]).alias(name[2:]) for name in prefixed]) if prefixed else found
        try:
            verdict = inputs.with_columns(self._kept.cast(pl.Boolean).alias(KEPT))
        except pl.exceptions.PolarsError as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"[interactions] keep = {self._profile.keep!r} fails on {self._file}: {reason}") from None
        return found.drop(prefixed).with_columns(verdict[KEPT])

    def _check_readable(self, found: pl.DataFrame) -> None:
        unread = found.filter(pl.col("malformed").str.contains("watch_seconds='", literal=True))
        if len(unread) * 2 > len(found):
            column, shown = self._profile.column("watch_seconds"), ", ".join(unread["malformed"].head(3))
            raise SourceError(f"{self._file}: column {column!r} holds no numbers ({shown}): name another one")


def _as_number(values: pl.Series) -> pl.Series:
    """A column of texts as numbers, if every text is one: SQL compares numbers with numbers only."""
    if values.dtype != pl.String:
        return values
    numbers = values.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == values.null_count() else values


def _check_columns(file: Path, profile: Profile, columns: list[str]) -> None:
    wanted = [name for name in REQUIRED if name not in profile.defaults or name in profile.columns]
    for field in dict.fromkeys([*wanted, *profile.columns]):
        column = profile.column(field)
        if column not in columns:
            near: list[Any] = get_close_matches(column, columns, 1)
            hint = f"is it {near[0]!r} now? " if near else ""
            raise SourceError(
                f"{file} has no column {column!r} for {field}; it has {', '.join(columns)}:"
                f" {hint}name the right one under [columns] of a profile"
            )
