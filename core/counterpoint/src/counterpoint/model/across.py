"""The partitions of another pipeline that one partition reads or waits for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from counterpoint.model.partitions import PartitionKind, WindowPolicy

if TYPE_CHECKING:
    from counterpoint.model.partitions import Partitions, Window
    from counterpoint.model.waits import Wait

_INSTANT = timedelta(microseconds=1)
# from the shortest to the longest
_BY_LENGTH = (PartitionKind.HOURLY, PartitionKind.DAILY, PartitionKind.WEEKLY, PartitionKind.MONTHLY)


class Relation(Enum):
    """How the partitions of another pipeline lie to one's own."""

    SAME = "same"
    HOLDING = "holding"
    WITHIN = "within"
    OVERLAPPING = "overlapping"


@dataclass(frozen=True, slots=True)
class PartitionMapping:
    """Which partitions of another pipeline belong to a partition of one's own: those that overlap it in time.

    `shift` counts in the partitions of the pipeline that has the longer ones. A `window` counts in those of the other
    pipeline; its `t` is the last one that overlaps.
    """

    own: Partitions
    theirs: Partitions
    shift: int = 0
    window: Window | None = None

    @classmethod
    def of(cls, wait: Wait, own: Partitions, theirs: Partitions) -> PartitionMapping:
        """The mapping of a wait for a partition of another pipeline."""
        return cls(own, theirs, wait.offset, wait.window)

    def keys(self, key: str) -> tuple[str, ...]:
        """The keys that belong to a partition, oldest first.

        With a window and `WindowPolicy.SHRINK` in one's own pipeline, those before the other's first partition are
        left out.

        Raises:
            UsageError: One of them lies before the first partition of the other pipeline.
        """
        keys = self.reached(key)
        if self.window is not None and self.own.incomplete is WindowPolicy.SHRINK:
            return tuple(member for member in keys if member >= self.theirs.start)
        for member in keys:
            self.theirs.partition(member)
        return keys

    def reached(self, key: str) -> tuple[str, ...]:
        """As `keys`, whatever the first partition of the other pipeline is."""
        ours, shift = (key, self.shift) if self.relation is Relation.SAME or self._is_longer else (self._moved(key), 0)
        first, last = (self.theirs.shift(member, shift) for member in self._overlapping(ours))
        if self.window is None:
            return self.theirs.range(first, last)
        offsets = range(self.window.first, self.window.last + 1)
        return tuple(self.theirs.shift(last, offset) for offset in offsets)

    @property
    def relation(self) -> Relation:
        """How the other's partitions lie to one's own, on every date."""
        own, theirs = self.own, self.theirs
        if own.timezone != theirs.timezone:
            return Relation.OVERLAPPING
        if own.kind is theirs.kind:
            return Relation.SAME
        if {own.kind, theirs.kind} == {PartitionKind.WEEKLY, PartitionKind.MONTHLY}:
            return Relation.OVERLAPPING
        return Relation.HOLDING if self._is_longer else Relation.WITHIN

    @property
    def is_single(self) -> bool:
        """Whether each partition has exactly one of the other's, whatever the date."""
        return self.window is None and self.relation in {Relation.SAME, Relation.HOLDING}

    @property
    def counts_own(self) -> bool:
        """Whether the shift counts in one's own partitions, which are not shorter than the other's."""
        return not self._is_longer

    @property
    def _is_longer(self) -> bool:
        """Whether the other's partitions are longer than one's own."""
        return _BY_LENGTH.index(self.theirs.kind) > _BY_LENGTH.index(self.own.kind)

    def _moved(self, key: str) -> str:
        return self.own.shift(key, self.shift)

    def _overlapping(self, key: str) -> tuple[str, str]:
        """The first and the last key of the other pipeline that overlap a partition."""
        if self.relation is Relation.SAME:
            return key, key
        interval = self.own.interval(key)
        # a date that a time zone left out is an empty interval
        last = max(interval.start, interval.end - _INSTANT)
        return self.theirs.key_of(interval.start), self.theirs.key_of(last)
