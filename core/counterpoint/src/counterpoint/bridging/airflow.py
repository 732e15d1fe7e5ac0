"""Airflow 3 by its REST API (`/api/v2`): runs of a DAG, events of an asset."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from counterpoint.bridging.found import MADE, External, moment_of
from counterpoint.bridging.servers import SECONDS
from counterpoint.errors import ServiceError
from counterpoint.http import ask, bearer

if TYPE_CHECKING:
    from datetime import datetime

    from counterpoint.bridging.servers import Server

# 401: the token has expired; 403: the server that signed it was set up again
_EXPIRED, _REFUSED = {401, 403}, {401, 403, 404, 405}


def run_of(server: Server, dag_id: str, moment: datetime, last: datetime | None = None) -> External | None:
    """The run of a DAG for a logical date, whatever its state, or None; up to `last`, the newest of several.

    Raises:
        ServiceError: it does not answer, has no such DAG, or refuses.
    """
    dates = {"logical_date_gte": moment.isoformat(), "logical_date_lte": (last or moment).isoformat()}
    runs = _runs(server, dag_id, **dates, order_by="-logical_date", limit="1")
    return runs[0] if runs else None


def runs_since(server: Server, dag_id: str, since: datetime, limit: int) -> list[External]:
    """The runs of a DAG that succeeded at a moment or later, ordered by their end, `limit` at most.

    Raises:
        ServiceError: it does not answer, has no such DAG, or refuses.
    """
    wanted = {"state": MADE, "end_date_gte": since.isoformat(), "order_by": "end_date", "limit": str(limit)}
    return _runs(server, dag_id, **wanted)


def events_since(server: Server, asset: str, since: datetime, limit: int) -> list[External]:
    """The events of an asset, by its name or URI, at a moment or later, oldest first, `limit` at most.

    Its partition is `partition` of its extra, its partition key, or the logical date of the run that it came from.

    Raises:
        ServiceError: Airflow does not answer, has no such asset, or refuses.
    """
    query = {"asset_id": _asset_id(server, asset), "timestamp_gte": since.isoformat()}
    path = f"/assets/events?{urlencode({**query, 'order_by': 'timestamp', 'limit': limit})}"
    return [_event(server, asset, event) for event in _call(server, path)["asset_events"]]


def _runs(server: Server, dag_id: str, **wanted: str) -> list[External]:
    runs = _call(server, f"/dags/{quote(dag_id, safe='')}/dagRuns?{urlencode(wanted)}")["dag_runs"]
    return [_run(server, run) for run in runs]


def _run(server: Server, run: dict[str, Any]) -> External:
    return External(
        orchestrator="airflow",
        name=run["dag_id"],
        partition=_partition(run),
        run_id=run["dag_run_id"],
        state=run["state"],
        at=_utc(run["end_date"]),
        url=_page(server, run["dag_id"], run["dag_run_id"]),
        metadata={"logical_date": _utc(run["logical_date"]), "run_type": run["run_type"]},
    )


def _event(server: Server, asset: str, event: dict[str, Any]) -> External:
    dag_id, run_id = event["source_dag_id"] or "", event["source_run_id"] or ""
    extra = event["extra"] or {}
    run = _call(server, f"/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}") if run_id else {}
    return External(
        orchestrator="airflow",
        name=asset,
        partition=str(extra.get("partition") or event.get("partition_key") or _partition(run)),
        run_id=run_id,
        state=MADE,
        at=_utc(event["timestamp"]),
        url=_page(server, dag_id, run_id) if run_id else f"{server.url}/assets/{event['asset_id']}",
        metadata={
            "event": event["id"],
            "dag_id": dag_id,
            "logical_date": _utc(run.get("logical_date")),
            "extra": extra,
        },
    )


def _partition(run: dict[str, Any]) -> str:
    return str(run.get("partition_key") or _utc(run.get("logical_date")) or "")


def _utc(text: str | None) -> str | None:
    return moment_of(text).isoformat() if text else None


def _page(server: Server, dag_id: str, run_id: str) -> str:
    return f"{server.url}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def _asset_id(server: Server, asset: str) -> int:
    pattern = "uri_pattern" if "://" in asset else "name_pattern"
    assets = _call(server, f"/assets?{urlencode({pattern: asset, 'limit': 100})}")["assets"]
    ids = [
        int(entry["id"]) for entry in assets if asset in {entry["uri"], entry["name"]}
    ]  # a pattern matches parts too
    if not ids:
        raise ServiceError(f"{server.url} has no asset {asset!r}: give the name or URI as a DAG has it")
    return ids[0]


def _call(server: Server, path: str) -> Any:
    """The answer of the REST API; an expired token is renewed."""
    try:
        return _asked(server, path)
    except ServiceError as error:
        if error.status not in _EXPIRED or server.token:
            raise
    _token.cache_clear()
    return _asked(server, path)


def _asked(server: Server, path: str) -> Any:
    credentials = bearer(server.token or _token(server))
    return ask(f"{server.url}/api/v2{path}", credentials=credentials, seconds=SECONDS)


@cache
def _token(server: Server) -> str:
    """A token for the user; without one, such as Airflow gives when its configuration makes everybody an admin."""
    body = {"username": server.user, "password": server.password} if server.user else None
    try:
        return str(ask(f"{server.url}/auth/token", body, seconds=SECONDS)["access_token"])
    except ServiceError as error:
        if error.status not in _REFUSED:
            raise
        variables = f"{server.variable}_TOKEN, or {server.variable}_USER and {server.variable}_PASSWORD"
        raise ServiceError(f"{server.url} lets nobody in as we came: set {variables}") from error
