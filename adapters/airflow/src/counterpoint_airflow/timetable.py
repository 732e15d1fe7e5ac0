"""The timetable of a DAG: the data interval of a run is its partition, at whatever hour it runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from croniter import croniter

from counterpoint.model import Partition, PartitionKind, Partitions, Schedule
from counterpoint.model.ticks import next_tick, previous_tick

if TYPE_CHECKING:
    from airflow.timetables.base import TimeRestriction
    from pendulum import DateTime

_INSTANT = timedelta(microseconds=1)


class PartitionTimetable(Timetable):
    """Runs each partition once, at the first cron tick after its end; without a cron, on demand only.

    A cron tick always belongs to the partition before it. Backfills have a run for every partition.
    """

    def __init__(self, partitions: Partitions, schedule: Schedule | None = None) -> None:
        self.partitions, self.schedule = partitions, schedule
        self.description = f"each {partitions.kind.value} partition, {self.summary if schedule else 'when asked for'}"
        self.can_be_scheduled = schedule is not None

    def serialize(self) -> dict[str, Any]:
        """The arguments of `deserialize`, which the scheduler stores."""
        return {
            "kind": self.partitions.kind.value,
            "start": self.partitions.start,
            "timezone": self.partitions.timezone,
            "cron": self.schedule.cron if self.schedule else None,
            "cron_timezone": self.schedule.timezone if self.schedule else None,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        """The inverse of `serialize`."""
        # what an earlier release kept has no time zones
        timezone, cron_timezone = data.get("timezone", "UTC"), data.get("cron_timezone", "UTC")
        partitions = Partitions(PartitionKind(data["kind"]), data["start"], timezone=timezone)
        return cls(partitions, Schedule(data["cron"], cron_timezone) if data["cron"] else None)

    @property
    def summary(self) -> str:
        """The short text that the page shows."""
        if self.schedule is None:
            return "on demand"
        is_utc = self.schedule.timezone == "UTC"
        return self.schedule.cron if is_utc else f"{self.schedule.cron} {self.schedule.timezone}"

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
        tick = self._newest_tick(self._partition(first).end)
        if tick is None or (restriction.latest is not None and tick > restriction.latest):
            return None
        interval = self._interval(self.partitions.shift(self.partitions.key_of(tick), -1))
        return DagRunInfo(run_after=_pendulum(tick), data_interval=interval)

    def _newest_tick(self, end: datetime) -> datetime | None:
        """The last tick that has passed, or the first one at or after the end of a partition if that is later."""
        if self.schedule is None:
            return None
        cron, timezone = self.schedule.cron, self.schedule.timezone
        past = previous_tick(lambda clock: croniter(cron, clock).all_prev(datetime), datetime.now(UTC), timezone)
        due = next_tick(lambda clock: croniter(cron, clock).all_next(datetime), end - _INSTANT, timezone)
        return max((tick for tick in (past, due) if tick), default=None)

    def _partition(self, key: str) -> Partition:
        # a key may lie before the first partition, which the pipeline's own partitions refuse
        return replace(self.partitions, start=key).partition(key)

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
