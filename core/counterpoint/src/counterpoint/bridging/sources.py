"""What of an Airflow is followed: the runs of a DAG or the events of an asset, each told once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from counterpoint.bridging.airflow import events_since, run_of, runs_since
from counterpoint.bridging.found import moment_of
from counterpoint.errors import ServiceError

if TYPE_CHECKING:
    from datetime import datetime

    from counterpoint.bridging.found import External
    from counterpoint.bridging.servers import Server

# what ended in another of Airflow's processes may be seen after what ended later
_OVERLAP = timedelta(minutes=1)
_INSTANT = timedelta(microseconds=1)


class Source(Protocol):
    """Something that is followed."""

    def since(self, server: Server, moment: datetime, limit: int) -> list[External]:
        """What was made at a moment or later, oldest first."""

    def state(self, server: Server, begin: datetime, end: datetime) -> str:
        """Why there is nothing for the logical dates of a partition, in words."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a DAG that end well."""

    dag_id: str

    def __str__(self) -> str:
        return f"DAG {self.dag_id}"

    def since(self, server: Server, moment: datetime, limit: int) -> list[External]:
        """As `runs_since`."""
        return runs_since(server, self.dag_id, moment, limit)

    def state(self, server: Server, begin: datetime, end: datetime) -> str:
        """The state of the newest run, or that there is none."""
        try:
            run = run_of(server, self.dag_id, begin, end - _INSTANT)
        except ServiceError as error:
            return str(error)
        return f"{run.url} is {run.state}" if run else f"it has no run of {begin.isoformat()} to {end.isoformat()}"


@dataclass(frozen=True, slots=True)
class Events:
    """The events of an asset, by its name or URI."""

    asset: str

    def __str__(self) -> str:
        return f"asset {self.asset}"

    def since(self, server: Server, moment: datetime, limit: int) -> list[External]:
        """As `events_since`."""
        return events_since(server, self.asset, moment, limit)

    def state(self, server: Server, begin: datetime, end: datetime) -> str:
        """Whether the server answers at all."""
        try:
            events_since(server, self.asset, begin, 1)
        except ServiceError as error:
            return str(error)
        return f"it has no event for {begin.isoformat()} to {end.isoformat()}"


def unseen(
    source: Source, server: Server, cursor: str | None, since: datetime, limit: int
) -> tuple[list[External], str]:
    """What was made and not told yet, `limit` at most, and the cursor to go on from; without one, begins at `since`.

    Raises:
        ServiceError: the server does not answer, or refuses.
    """
    newest, seen = json.loads(cursor) if cursor else (since.isoformat(), {})
    page = source.since(server, moment_of(newest) - _OVERLAP, limit + len(seen))
    found = {one.key: one for one in page if one.key not in seen}
    told = list(found.values())[:limit]
    seen |= {one.key: one.at for one in told}
    newest = max([newest, *seen.values()], key=moment_of)
    kept = {key: at for key, at in seen.items() if moment_of(at) >= moment_of(newest) - _OVERLAP}
    return told, json.dumps([newest, kept])
