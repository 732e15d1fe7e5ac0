"""Airflow's own backfills: a DAG run for each partition, oldest first, with a limit on how many run at once."""

from __future__ import annotations

import time
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from counterpoint.model import NativeBackfill, RunRequest
from counterpoint.runtime import find_pipeline
from counterpoint_airflow.client import call, change, rows_of
from counterpoint_airflow.keys import ELEMENTS, REQUEST, SPANS
from counterpoint_airflow.observe import native_of
from counterpoint_airflow.waits import ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import BackfillOrder, Pipeline
    from counterpoint.target import Target

_OVER = {"success", "failed"}
# a run with a failed window ends by itself, but only some seconds later
_PATIENCE_SECONDS = 10.0


def backfill(target: Target, order: BackfillOrder) -> str:
    """Creates a backfill from the first to the last partition that also reruns completed runs; returns its id.

    Raises:
        ServiceError: Airflow rejected it; it accepts one backfill of a DAG at a time.
    """
    pipeline = find_pipeline(order.request.pipeline)
    first, last = _dates(pipeline, order)
    body = {
        "dag_id": pipeline.name,
        "from_date": first,
        "to_date": last,
        "max_active_runs": order.parallel,
        "reprocess_behavior": "completed",
        "dag_run_conf": {REQUEST: order.request.to_json(), SPANS: order.spans(pipeline.partitions)},
    }
    return str(call(target, "/backfills", body)["id"])


def _dates(pipeline: Pipeline, order: BackfillOrder) -> list[str]:
    """The first and the last logical date."""
    return [pipeline.partitions.partition(key).start.isoformat() for key in (min(order.steps), max(order.steps))]


def progress(target: Target, order: BackfillOrder, native_id: str) -> NativeBackfill:
    """The progress of a backfill, read from its DAG runs: Airflow gives the backfill itself no state."""
    native = call(target, f"/backfills/{native_id}")
    runs, dag = _runs(target, order), native["dag_id"]
    ended = {
        key: native_of(order.of(key), SimpleNamespace(**run), _ended(tasks), native_id=f"{dag}::{run['dag_run_id']}")
        for key, (run, tasks) in runs.items()
    }
    over = len(runs) == len(order.steps) and all(run["state"] in _OVER for run, _ in runs.values())
    return NativeBackfill(over or native["completed_at"] is not None, ended)


def _runs(target: Target, order: BackfillOrder) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The DAG runs of an order by partition, each with its task instances."""
    pipeline = find_pipeline(order.request.pipeline)
    within = "logical_date_gte={}&logical_date_lte={}".format(*map(quote, _dates(pipeline, order)))
    path = f"/dags/{pipeline.name}/dagRuns"
    mine = order.request.to_json()
    runs = [r for r in rows_of(target, f"{path}?{within}", "dag_runs") if (r["conf"] or {}).get(REQUEST) == mine]
    tasks: dict[str, list[dict[str, Any]]] = {run["dag_run_id"]: [] for run in runs}
    for row in rows_of(target, f"{path}/~/taskInstances?{within}"):
        if row["dag_run_id"] in tasks:
            tasks[row["dag_run_id"]].append(row)
    keyed = {pipeline.partitions.key_of(datetime.fromisoformat(run["logical_date"])): run for run in runs}
    return {key: (run, tasks[run["dag_run_id"]]) for key, run in sorted(keyed.items())}


def _ended(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The task instances of the steps that have ended with all their elements."""
    active = {row["task_id"].removesuffix(ELEMENTS) for row in rows if row["state"] not in ENDED}
    return [row for row in rows if row["task_id"].removesuffix(ELEMENTS) not in active]


def cancel(target: Target, order: BackfillOrder) -> None:
    """Cancels the backfills of the order's version; runs that are still active after some seconds are set to failed."""
    dag, version = find_pipeline(order.request.pipeline).name, (order.request.version, order.request.root)
    for native in rows_of(target, f"/backfills?dag_id={dag}", "backfills"):
        if native["completed_at"] is None and _version(native["dag_run_conf"]) == (dag, *version):
            call(target, f"/backfills/{native['id']}/cancel", {}, method="PUT")
    end = time.monotonic() + _PATIENCE_SECONDS
    while runs := _running(target, dag, version):
        if time.monotonic() > end:
            for run in runs:
                path = f"/dags/{dag}/dagRuns/{quote(run['dag_run_id'], safe='')}"
                change(target, path, {"state": "failed"})
        time.sleep(0.5)


def _running(target: Target, dag: str, version: tuple[str, str]) -> list[dict[str, Any]]:
    runs = rows_of(target, f"/dags/{dag}/dagRuns?run_type=backfill&state=running", "dag_runs")
    return [run for run in runs if _version(run["conf"]) == (dag, *version)]


def _version(conf: Mapping[str, Any] | None) -> tuple[str, str, str] | None:
    """The pipeline, version and root that a run's conf names."""
    if not conf or REQUEST not in conf:
        return None
    request = RunRequest.from_json(conf[REQUEST])
    return find_pipeline(request.pipeline).name, request.version, request.root
