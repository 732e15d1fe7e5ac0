"""The sources of an Airflow that a sensor follows: the runs of a DAG or the events of an asset, each reported once."""

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

# a run of another Airflow process may become visible after a run that ended later
_OVERLAP = timedelta(minutes=1)
_INSTANT = timedelta(microseconds=1)


class Source(Protocol):
    """A source that a sensor follows."""

    def since(self, server: Server, moment: datetime, limit: int) -> list[External]:
        """The outputs since a moment, oldest first."""

    def state(self, server: Server, begin: datetime, end: datetime) -> str:
        """A text that says why there is no output for the logical dates of a partition."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The successful runs of a DAG."""

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
    """The outputs that were not reported yet, `limit` at most, and the next cursor; without one, begins at `since`.

    Raises:
        ServiceError: the server does not answer, or refuses.
    """
    newest, seen = json.loads(cursor) if cursor else (since.isoformat(), {})
    page = source.since(server, moment_of(newest) - _OVERLAP, limit + len(seen))
    new = {external.key: external for external in page if external.key not in seen}
    reported = list(new.values())[:limit]
    seen |= {external.key: external.at for external in reported}
    newest = max([newest, *seen.values()], key=moment_of)
    recent = {key: at for key, at in seen.items() if moment_of(at) >= moment_of(newest) - _OVERLAP}
    return reported, json.dumps([newest, recent])
