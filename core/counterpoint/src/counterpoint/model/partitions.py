"""Partitions of time: keys, intervals, and the arithmetic of windows over them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model.timezones import first_reading, shown_at, zone_of


class PartitionKind(StrEnum):
    """How long one partition is; the value is also the name of the partition column of tables."""

    DAILY = "date"
    HOURLY = "hour"
    WEEKLY = "week"
    MONTHLY = "month"


class WindowPolicy(StrEnum):
    """The handling of a window that reaches before the first partition: an error, or only the existing partitions."""

    REFUSE = "refuse"
    SHRINK = "shrink"


_FORMATS = {
    PartitionKind.DAILY: ("%Y-%m-%d", "YYYY-MM-DD"),
    PartitionKind.HOURLY: ("%Y-%m-%dT%H", "YYYY-MM-DDTHH"),
    PartitionKind.WEEKLY: ("%Y-%m-%d", "YYYY-MM-DD, the date of its Monday"),
    PartitionKind.MONTHLY: ("%Y-%m", "YYYY-MM"),
}
_LENGTHS = {
    PartitionKind.DAILY: timedelta(days=1),
    PartitionKind.HOURLY: timedelta(hours=1),
    PartitionKind.WEEKLY: timedelta(weeks=1),
}


@dataclass(frozen=True, slots=True)
class Partition:
    """One interval [start, end) of time, in UTC, and the key that names it everywhere."""

    key: str
    start: datetime
    end: datetime
    timezone: str = "UTC"

    @property
    def local_start(self) -> datetime:
        """The start as the clocks of the partition's time zone show it."""
        return self.start.astimezone(zone_of(self.timezone))

    @property
    def day(self) -> date:
        """The day, in the partition's time zone, on which the partition starts: the logical date."""
        return self.local_start.date()


@dataclass(frozen=True, slots=True)
class Partitions:
    """The partitions of a pipeline: their kind, the key of the first one, and what windows do before it.

    Days, weeks and months begin at midnight of `timezone` (an IANA name); a day in which clocks change has 23 or 25
    hours. Weeks begin on Monday (ISO 8601). Hours are those of UTC.
    """

    kind: PartitionKind = PartitionKind.DAILY
    start: str = "2010-01-01"
    incomplete: WindowPolicy = WindowPolicy.REFUSE
    # serialized only where it is set, as all that is kept and digested was before it was there
    timezone: str = field(default="UTC", metadata={"omit_default": True})

    def __post_init__(self) -> None:
        start: Any = self.start
        if not isinstance(start, str):
            raise DefinitionError(f"start={start!r} is no key of a partition: write it as text, start='2026-01-05'")
        zone_of(self.timezone)
        if self.kind is PartitionKind.HOURLY and self.timezone != "UTC":
            raise DefinitionError(
                f"hourly partitions in {self.timezone}: where clocks go back, one key would name two hours;"
                " leave out timezone, for hours are counted in UTC"
            )
        self._moment(self.start)

    @property
    def form(self) -> str:
        """The format of keys, for `strftime`."""
        return _FORMATS[self.kind][0]

    @property
    def extent(self) -> str | None:
        """What a key covers, where its form alone does not say it: a key may name a day in UTC, a local one, a week."""
        if self.kind is not PartitionKind.WEEKLY and self.timezone == "UTC":
            return None
        return f"{self.kind.value} {self.timezone}"

    def partition(self, key: str) -> Partition:
        """The partition of that key.

        Raises:
            UsageError: The key has another form, or lies before the first partition.
        """
        clock = self._moment(key)
        if clock < self._moment(self.start):
            raise UsageError(f"partition {key} lies before the pipeline's start {self.start}: choose a later one")
        return self.interval(key)

    def interval(self, key: str) -> Partition:
        """As `partition`, also before the first one."""
        after = self._shifted(self._moment(key), 1)
        return Partition(key, self._begin(key), self._begin(after), self.timezone)

    def shift(self, key: str, count: int) -> str:
        """The key `count` partitions after (negative: before) the given one."""
        return self._shifted(self._moment(key), count)

    def range(self, first: str, last: str) -> tuple[str, ...]:
        """All keys from first to last, both included; empty when last lies before first."""
        keys, end, key = [], self._moment(last), first
        while self._moment(key) <= end:
            keys.append(key)
            key = self.shift(key, 1)
        return tuple(keys)

    def key_of(self, moment: datetime) -> str:
        """The key of the partition that holds a moment.

        Raises:
            UsageError: The moment has no time zone, or lies outside of the years 1 to 9999.
        """
        if moment.tzinfo is None:
            raise UsageError(f"{moment} has no time zone: give the moment in UTC")
        clock = shown_at(moment, self.timezone)
        clock -= timedelta(days=clock.weekday() if self.kind is PartitionKind.WEEKLY else 0)
        key = clock.strftime(self.form)
        if self.timezone == "UTC":
            return key
        # where clocks go back over midnight, they show the day before for a second time; a date that a zone left out
        # is an empty partition
        while self._begin(key) > moment:
            key = self.shift(key, -1)
        while self._begin(after := self.shift(key, 1)) <= moment:
            key = after
        return key

    def _begin(self, key: str) -> datetime:
        try:
            return first_reading(self._moment(key), self.timezone)
        except OverflowError:
            raise UsageError(f"partition {key} lies at the end of the calendar: choose another one") from None

    def _moment(self, key: str) -> datetime:
        """The start of a partition as the clocks of its time zone show it."""
        form, words = _FORMATS[self.kind]
        try:
            clock = datetime.strptime(key, form)  # noqa: DTZ007 - a reading of a clock
        except ValueError:
            place = "in UTC" if self.timezone == "UTC" else f"in {self.timezone}"
            raise UsageError(f"{key!r} is no partition: a {self.kind.value} is written {words}, {place}") from None
        if clock.strftime(form) != key:
            raise UsageError(f"{key!r} is no partition: write it in full, {words}")
        if self.kind is PartitionKind.WEEKLY and clock.weekday():
            monday = (clock - timedelta(days=clock.weekday())).strftime(form)
            raise UsageError(f"{key!r} is no partition: weeks begin on Monday; the week of that day is {monday}")
        return clock

    def _shifted(self, clock: datetime, count: int) -> str:
        try:
            return self._moved(clock, count).strftime(self.form)
        except (OverflowError, ValueError):
            side, other = ("after", "an earlier") if count > 0 else ("before", "a later")
            raise UsageError(
                f"partition {clock.strftime(self.form)}: {abs(count)} {side} it there is no date any more, for years"
                f" go from 1 to 9999: choose {other} one"
            ) from None

    def _moved(self, clock: datetime, count: int) -> datetime:
        if self.kind is not PartitionKind.MONTHLY:
            return clock + count * _LENGTHS[self.kind]
        years, month = divmod(clock.year * 12 + clock.month - 1 + count, 12)
        return clock.replace(year=years, month=month + 1)


_WINDOW = re.compile(r"^t(-\d+)?\.\.t(-\d+)?$")


@dataclass(frozen=True, slots=True)
class Window:
    """The partitions t+first .. t+last around partition t, both included; both offsets are <= 0."""

    first: int
    last: int = 0

    def __post_init__(self) -> None:
        if not self.first <= self.last <= 0:
            raise DefinitionError(
                f"window {self}: its first offset must not lie after its last, and neither in the future;"
                " write for example t-6..t"
            )

    def __str__(self) -> str:
        return "..".join(f"t{offset}" if offset else "t" for offset in (self.first, self.last))

    @classmethod
    def parse(cls, text: str) -> Window:
        """The window written as `t-6..t` or `t-6..t-1`.

        Raises:
            DefinitionError: The text has another form.
        """
        match = _WINDOW.match(text)
        if not match:
            raise DefinitionError(f"{text!r} is no window: write it like t-6..t or t-6..t-1")
        return cls(int(match[1] or 0), int(match[2] or 0))

    def keys(self, partitions: Partitions, key: str) -> tuple[str, ...]:
        """The keys of the window of partition `key`, oldest first; see `WindowPolicy` for the first partitions."""
        keys = tuple(partitions.shift(key, offset) for offset in range(self.first, self.last + 1))
        if partitions.incomplete is WindowPolicy.REFUSE:
            return keys
        return tuple(member for member in keys if member >= partitions.start)
