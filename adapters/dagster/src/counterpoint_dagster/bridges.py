"""Sensors for handwritten definitions: they report outputs of Airflow 3 as an asset, and launch what follows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from counterpoint.bridging import Events, Runs, moment_of, server_of, unseen
from counterpoint.errors import MissingInputError, ServiceError

if TYPE_CHECKING:
    from counterpoint.bridging import External, Source

_FIRST = timedelta(days=1)


@dataclass(frozen=True)
class Bridge:
    """The options of a sensor: which asset it reports, and how.

    `asset` stands for Airflow's output; a logical date minus `shift` lies in its partition. `target` (a job, assets) is
    run for each reported output. The tick fails while a partition is missing `timeout` after its end. The sensor polls
    every `poll` and reads `limit` runs at most, at first those that ended since `since` (None: a day ago).
    """

    asset: dg.AssetSpec
    target: Any = None
    shift: timedelta = timedelta(0)
    timeout: timedelta | None = None
    poll: timedelta = timedelta(minutes=1)
    limit: int = 50
    since: datetime | None = None
    url_variable: str = "COUNTERPOINT_AIRFLOW_URL"

    @property
    def name(self) -> str:
        """The asset's name as Dagster shows it."""
        return str(self.asset.key.to_user_string())

    def key_of(self, partition: str) -> str | None:
        """The key of the partition that a logical date lies in; one of Airflow's own partition keys stays as it is."""
        keys = self.asset.partitions_def
        try:
            moment = moment_of(partition) - self.shift
            return str(keys.get_partition_key_for_timestamp(moment.timestamp()))
        except (AttributeError, ValueError):
            return partition if keys else None

    def knows(self, key: str | None) -> bool:
        """Whether the asset has such a partition; None is right for an asset without partitions."""
        keys = self.asset.partitions_def
        return keys.has_partition_key(key) if keys and key else keys is None

    def late(self, instance: dg.DagsterInstance) -> tuple[str, datetime, datetime] | None:
        """Describes the newest partition if it is overdue, with the bounds of its logical dates; None if it is not."""
        keys = self.asset.partitions_def
        if self.timeout is None or not isinstance(keys, dg.TimeWindowPartitionsDefinition):
            return None
        with dg.partition_loading_context(effective_dt=datetime.now(UTC) - self.timeout):
            key = keys.get_last_partition_key()
        records = dg.AssetRecordsFilter(asset_key=self.asset.key, asset_partitions=[key])
        if key is None or instance.fetch_materializations(records, limit=1).records:
            return None
        window = keys.time_window_for_partition_key(key)
        waited = timedelta(seconds=int((datetime.now(UTC) - window.end).total_seconds()))
        description = f"has not made partition {key} of {self.name} {waited} after its end"
        return description, *((moment + self.shift).astimezone(UTC) for moment in (window.start, window.end))


def airflow_run_sensor(dag_id: str, asset: dg.AssetSpec, **options: Any) -> dg.SensorDefinition:
    """A sensor that materializes an asset for every successful run of an Airflow DAG; `options` are a `Bridge`'s."""
    return _sensor(Runs(dag_id), Bridge(asset, **options))


def airflow_asset_sensor(airflow_asset: str, asset: dg.AssetSpec, **options: Any) -> dg.SensorDefinition:
    """A sensor that materializes an asset for every event of an Airflow asset; `options` are a `Bridge`'s.

    The partition is `partition` in the event's extra, else the event's partition key, else its run's logical date.
    """
    return _sensor(Events(airflow_asset), Bridge(asset, **options))


def _sensor(source: Source, bridge: Bridge) -> dg.SensorDefinition:
    @dg.sensor(
        name=re.sub(r"\W+", "_", f"airflow_{source}_{bridge.name}"),
        target=bridge.target,
        minimum_interval_seconds=max(1, int(bridge.poll.total_seconds())),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Reports the outputs of Airflow's {source} as {bridge.name}, and launches what follows.",
    )
    def report(context: dg.SensorEvaluationContext) -> Any:
        server, since = server_of(bridge.url_variable), bridge.since or datetime.now(UTC) - _FIRST
        try:
            externals, cursor = unseen(source, server, context.cursor, since, bridge.limit)
            if externals:
                return _report(context, externals, bridge, cursor)
            why = f"nothing new of Airflow's {source}"
        except ServiceError as error:
            why = str(error)
        if late := bridge.late(context.instance):
            description, *dates = late
            raise MissingInputError(f"Airflow's {source} {description}: {source.state(server, *dates)}")
        return dg.SkipReason(why)

    return report


def _report(
    context: dg.SensorEvaluationContext, externals: list[External], bridge: Bridge, cursor: str
) -> dg.SensorResult:
    keyed = [(external, bridge.key_of(external.partition)) for external in externals]
    known = [(external, key) for external, key in keyed if bridge.knows(key)]
    odd = ", ".join(f"{e.url} of {e.partition or 'no date'}" for e, key in keyed if not bridge.knows(key))
    if odd:
        context.log.warning("in no partition of %s, is the shift right? %s", bridge.name, odd)
    requests = [
        dg.RunRequest(
            run_key=external.key, partition_key=key, tags={"airflow/run": f"{external.name}/{external.run_id}"}
        )
        for external, key in known
        if bridge.target is not None
    ]
    events = [dg.AssetMaterialization(bridge.asset.key, partition=key, metadata=_metadata(e)) for e, key in known]
    skipped = None if requests else f"reported {len(known)}; in no partition of {bridge.name}: {odd or 'none'}"
    return dg.SensorResult(requests, skip_reason=skipped, cursor=cursor, asset_events=events)


def _metadata(external: External) -> dict[str, Any]:
    return {f"airflow/{name}": dg.MetadataValue.url(v) if name == "url" else v for name, v in external.told().items()}
