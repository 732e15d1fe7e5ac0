"""A sensor for handwritten DAGs: it waits for a Dagster asset in the triggerer and holds no worker slot."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from airflow.sdk import Asset, BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from counterpoint.bridging import materialization_of, server_of
from counterpoint.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from counterpoint.bridging import External

# a task that is queued again before its executor has reported its end counts as killed for the scheduler
_SETTLING = 5.0


def outlet_of(asset_key: str) -> Asset:
    """The Airflow asset that stands for a Dagster asset."""
    return Asset(name=f"dagster/{asset_key}", uri=f"dagster://{asset_key}")


class DagsterAssetSensor(BaseOperator):
    """Waits, deferred, until a partition of a Dagster asset (`a/b`) is materialized.

    Returns Dagster's materialization (run, time, page, metadata), which is also the extra of its outlet's asset event.
    `partition` is a template; None: the asset has no partitions, and must have been materialized since the data
    interval's end. `url` is the webserver's address; without it, the variable `url_variable` holds the address. The
    sensor polls every `poll`.

    Raises:
        AirflowSensorTimeout: the partition was not materialized within `timeout`; this is not retried.
        UsageError: neither `url` nor the variable gives an address.
    """

    template_fields: Sequence[str] = ("partition", "url")

    def __init__(
        self,
        *,
        asset_key: str,
        partition: str | None = "{{ ds }}",
        url: str | None = None,
        url_variable: str = "COUNTERPOINT_DAGSTER_URL",
        poll: timedelta = timedelta(minutes=1),
        timeout: timedelta = timedelta(hours=2),
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"outlets": [outlet_of(asset_key)], **kwargs})
        self.asset_key, self.partition, self.url, self.url_variable = asset_key, partition, url, url_variable
        self.poll, self.timeout = poll, timeout

    def execute(self, context: Any) -> None:
        """Defers to the triggerer, which also makes the first check: so a Dagster that is down is waited for too."""
        since = context["data_interval_end"].isoformat() if self.partition is None else None
        place = (self.asset_key, self.partition, since, server_of(self.url_variable, self.url).url, self.url_variable)
        until = datetime.now(UTC) + self.timeout
        trigger = DagsterAssetTrigger(place, self.poll.total_seconds(), until.isoformat())
        self.defer(trigger=trigger, method_name="resume")

    def resume(self, context: Any, event: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the materialization, and adds it to the outlets' asset events.

        Raises:
            AirflowSensorTimeout: the trigger reported none in time.
        """
        if not event["found"]:
            raise AirflowSensorTimeout(f"waited {self.timeout} for {event['said']}; raise its timeout, or find out why")
        materialization: dict[str, Any] = event["found"]
        for asset in self.outlets:
            context["outlet_events"][asset].extra.update(materialization)
        return materialization


class DagsterAssetTrigger(BaseTrigger):
    """Fires on a materialization or a timeout; `place` holds key, partition, since, address and address variable."""

    def __init__(self, place: Sequence[Any], poll: float, until: str) -> None:
        super().__init__()
        self.place, self.poll, self.until = tuple(place), poll, until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments by which the triggerer creates this trigger."""
        return f"{__name__}.DagsterAssetTrigger", {"place": list(self.place), "poll": self.poll, "until": self.until}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Checks at every poll; logs the reason while Dagster does not answer."""
        key, partition, _, url, _ = self.place
        description = f"the Dagster asset {key}, partition {partition}, at {url}"
        await asyncio.sleep(_SETTLING)
        while True:
            materialization, why = await asyncio.to_thread(self._check)
            left = (datetime.fromisoformat(self.until) - datetime.now(UTC)).total_seconds()
            if materialization or left <= 0:
                break
            self.log.warning("waiting for %s until %s%s", description, self.until, why)
            await asyncio.sleep(min(self.poll, left))
        yield TriggerEvent({"found": materialization and materialization.to_dict(), "said": description + why})

    def _check(self) -> tuple[External | None, str]:
        key, partition, since, url, variable = self.place
        moment = datetime.fromisoformat(since) if since else None
        try:
            return materialization_of(server_of(variable, url), key, partition, moment), ""
        except ServiceError as error:
            return None, f" ({error})"
