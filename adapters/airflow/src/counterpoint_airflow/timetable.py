"""The timetable of a DAG: the data interval of a run is its partition, at whatever hour it runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from croniter import croniter

from counterpoint.model import Partition, PartitionKind, Partitions

if TYPE_CHECKING:
    from airflow.timetables.base import TimeRestriction
    from pendulum import DateTime

_INSTANT = timedelta(microseconds=1)


class PartitionTimetable(Timetable):
    """Runs each partition once, at the first cron tick after its end; without a cron, on demand only.

    A cron tick always belongs to the partition before it. Backfills have a run for every partition.
    """

    def __init__(self, partitions: Partitions, cron: str | None = None) -> None:
        self.partitions, self.expression = partitions, cron
        self.description = f"each {partitions.kind.value} partition, {cron or 'when asked for'}"
        self.can_be_scheduled = bool(cron)

    def serialize(self) -> dict[str, Any]:
        """The arguments of `deserialize`, which the scheduler stores."""
        return {"kind": self.partitions.kind.value, "start": self.partitions.start, "cron": self.expression}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        """The inverse of `serialize`."""
        return cls(Partitions(PartitionKind(data["kind"]), data["start"]), data["cron"])

    @property
    def summary(self) -> str:
        """The short text that the page shows."""
        return self.expression or "on demand"

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """The data interval of a manual run: the partition that holds its logical date."""
        return self._interval(self.partitions.key_of(run_after))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run: the next partition in a backfill (catchup), otherwise the partition of the newest tick."""
        earliest = restriction.earliest or self._partition(self.partitions.start).start
        first = self._first_from(last_automated_data_interval.end if last_automated_data_interval else earliest)
        if restriction.catchup:
            interval = self._interval(first)
            late = restriction.latest is not None and interval.start > restriction.latest
            return None if late else DagRunInfo(run_after=interval.end, data_interval=interval)
        if self.expression is None:
            return None
        past = croniter(self.expression, datetime.now(UTC)).get_prev(datetime)
        tick = max(past, croniter(self.expression, self._interval(first).end - _INSTANT).get_next(datetime))
        if restriction.latest is not None and tick > restriction.latest:
            return None
        interval = self._interval(self.partitions.shift(self.partitions.key_of(tick), -1))
        return DagRunInfo(run_after=_pendulum(tick), data_interval=interval)

    def _partition(self, key: str) -> Partition:
        # a key may lie before the first partition, which the pipeline's own partitions refuse
        return Partitions(self.partitions.kind, key).partition(key)

    def _first_from(self, moment: datetime) -> str:
        """The first partition that does not start before a moment."""
        key = self.partitions.key_of(moment)
        return key if self._partition(key).start >= moment else self.partitions.shift(key, 1)

    def _interval(self, key: str) -> DataInterval:
        partition = self._partition(key)
        return DataInterval(_pendulum(partition.start), _pendulum(partition.end))


def _pendulum(moment: datetime) -> Any:
    import pendulum

    return pendulum.instance(moment)
