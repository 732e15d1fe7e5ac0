"""Partitions of time in UTC: keys, intervals, and the arithmetic of windows over them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from counterpoint.errors import DefinitionError, UsageError


class PartitionKind(StrEnum):
    """How long one partition is; the value is also the name of the partition column of tables."""

    DAILY = "date"
    HOURLY = "hour"
    MONTHLY = "month"


class WindowPolicy(StrEnum):
    """The handling of a window that reaches before the first partition: an error, or only the existing partitions."""

    REFUSE = "refuse"
    SHRINK = "shrink"


_FORMATS = {
    PartitionKind.DAILY: ("%Y-%m-%d", "YYYY-MM-DD"),
    PartitionKind.HOURLY: ("%Y-%m-%dT%H", "YYYY-MM-DDTHH"),
    PartitionKind.MONTHLY: ("%Y-%m", "YYYY-MM"),
}


@dataclass(frozen=True, slots=True)
class Partition:
    """One interval [start, end) of UTC time, and the key that names it everywhere."""

    key: str
    start: datetime
    end: datetime

    @property
    def day(self) -> date:
        """The UTC day on which the partition starts: the logical date."""
        return self.start.date()


@dataclass(frozen=True, slots=True)
class Partitions:
    """The partitions of a pipeline: their kind, the key of the first one, and what windows do before it."""

    kind: PartitionKind = PartitionKind.DAILY
    start: str = "2010-01-01"
    incomplete: WindowPolicy = WindowPolicy.REFUSE

    def __post_init__(self) -> None:
        start: Any = self.start
        if not isinstance(start, str):
            raise DefinitionError(f"start={start!r} is no key of a partition: write it as text, start='2026-01-05'")
        self._moment(self.start)

    @property
    def form(self) -> str:
        """The format of keys, for `strftime`."""
        return _FORMATS[self.kind][0]

    def partition(self, key: str) -> Partition:
        """The partition of that key.

        Raises:
            UsageError: The key has another form, or lies before the first partition.
        """
        moment = self._moment(key)
        if moment < self._moment(self.start):
            raise UsageError(f"partition {key} lies before the pipeline's start {self.start}: choose a later one")
        return Partition(key, moment, self._moment(self._shifted(moment, 1)))

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
            UsageError: The moment has no time zone.
        """
        if moment.tzinfo is None:
            raise UsageError(f"{moment} has no time zone: give the moment in UTC")
        return moment.astimezone(UTC).strftime(_FORMATS[self.kind][0])

    def _moment(self, key: str) -> datetime:
        form, words = _FORMATS[self.kind]
        try:
            moment = datetime.strptime(key, form).replace(tzinfo=UTC)
        except ValueError:
            raise UsageError(f"{key!r} is no partition: a {self.kind.value} is written {words}, in UTC") from None
        if moment.strftime(form) != key:
            raise UsageError(f"{key!r} is no partition: write it in full, {words}")
        return moment

    def _shifted(self, moment: datetime, count: int) -> str:
        try:
            return self._moved(moment, count).strftime(self.form)
        except (OverflowError, ValueError):
            side, other = ("after", "an earlier") if count > 0 else ("before", "a later")
            raise UsageError(
                f"partition {moment.strftime(self.form)}: {abs(count)} {side} it there is no date any more, for years"
                f" go from 1 to 9999: choose {other} one"
            ) from None

    def _moved(self, moment: datetime, count: int) -> datetime:
        if self.kind is not PartitionKind.MONTHLY:
            return moment + count * timedelta(**{"days" if self.kind is PartitionKind.DAILY else "hours": 1})
        years, month = divmod(moment.year * 12 + moment.month - 1 + count, 12)
        return moment.replace(year=years, month=month + 1)


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
