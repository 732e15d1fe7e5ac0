"""For DAGs written by hand: waiting for an asset of Dagster in the triggerer, so that no worker slot is held."""

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

# the scheduler takes a task for a killed one that is queued again before its executor has told of its end
_SETTLING = 5.0


def outlet_of(asset_key: str) -> Asset:
    """The asset by which Airflow knows one of Dagster."""
    return Asset(name=f"dagster/{asset_key}", uri=f"dagster://{asset_key}")


class DagsterAssetSensor(BaseOperator):
    """Waits, deferred, until a partition of a Dagster asset (`a/b`) is materialized.

    Returns what Dagster says of it (run, moment, page, metadata), which is also the extra of the event of its outlet.
    `partition` is a template; None: the asset has no partitions, and must have been materialized since the data
    interval's end. `url` is the webserver's address, else the variable `url_variable` holds it. Looks every `poll`.

    Raises:
        AirflowSensorTimeout: it did not come within `timeout`; not retried.
        UsageError: there is no address.
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
        """Defers to the triggerer, which also looks first: so what is down now is waited for as well."""
        since = context["data_interval_end"].isoformat() if self.partition is None else None
        place = (self.asset_key, self.partition, since, server_of(self.url_variable, self.url).url, self.url_variable)
        until = datetime.now(UTC) + self.timeout
        trigger = DagsterAssetTrigger(place, self.poll.total_seconds(), until.isoformat())
        self.defer(trigger=trigger, method_name="resume")

    def resume(self, context: Any, event: Mapping[str, Any]) -> dict[str, Any]:
        """Passes on what was found.

        Raises:
            AirflowSensorTimeout: nothing was.
        """
        if not event["found"]:
            raise AirflowSensorTimeout(f"waited {self.timeout} for {event['said']}; raise its timeout, or see why")
        materialization: dict[str, Any] = event["found"]
        for asset in self.outlets:
            context["outlet_events"][asset].extra.update(materialization)
        return materialization


class DagsterAssetTrigger(BaseTrigger):
    """Fires when the partition is there or the time is up; `place` is key, partition, since, address, its variable."""

    def __init__(self, place: Sequence[Any], poll: float, until: str) -> None:
        super().__init__()
        self.place, self.poll, self.until = tuple(place), poll, until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer makes it of."""
        return f"{__name__}.DagsterAssetTrigger", {"place": list(self.place), "poll": self.poll, "until": self.until}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Looks at every poll; why Dagster does not answer is in the log."""
        key, partition, _, url, _ = self.place
        said = f"the Dagster asset {key}, partition {partition}, at {url}"
        await asyncio.sleep(_SETTLING)
        while True:
            materialization, why = await asyncio.to_thread(self._look)
            left = (datetime.fromisoformat(self.until) - datetime.now(UTC)).total_seconds()
            if materialization or left <= 0:
                break
            self.log.warning("waits for %s until %s%s", said, self.until, why)
            await asyncio.sleep(min(self.poll, left))
        yield TriggerEvent({"found": materialization and materialization.to_dict(), "said": said + why})

    def _look(self) -> tuple[External | None, str]:
        key, partition, since, url, variable = self.place
        moment = datetime.fromisoformat(since) if since else None
        try:
            return materialization_of(server_of(variable, url), key, partition, moment), ""
        except ServiceError as error:
            return None, f" ({error})"
