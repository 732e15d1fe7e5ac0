"""Runs a request by `dag.test()` in this process or by the REST API on the services, and reads the result."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from counterpoint.errors import ServiceError, UnansweredError
from counterpoint.model import ErrorInfo, NativeRun, NativeStep, Status, grouped_request
from counterpoint.runtime import find_pipeline, iso, merged
from counterpoint.runtime.groups import ungrouped
from counterpoint_airflow.client import call, rows_of
from counterpoint_airflow.keys import ELEMENTS, GATES, REQUEST, WATCHER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from counterpoint.model import RunRequest
    from counterpoint.target import Target

_CONFLICT = 409
_FIELDS = ("task_id", "state", "try_number", "start_date", "end_date")
_STATES = {name: Status(name) for name in ("success", "skipped", "upstream_failed")} | {"removed": Status.SKIPPED}


def run(request: RunRequest, home: Path) -> NativeRun:
    """Runs one DAG run in this process, one task after the other."""
    from counterpoint_airflow.deploy import configured

    start = find_pipeline(request.pipeline).partitions.partition(request.partition).start
    with configured(home, request.pipeline):
        from counterpoint_airflow.dags import served

        (dag,) = served().values()
        dag.deadline = None  # dag.test() cannot carry one
        run = dag.test(logical_date=start, run_conf={REQUEST: request.to_json()})
        rows = [{name: getattr(ti, name) for name in _FIELDS} for ti in run.get_task_instances()]
    # dag.test() sets the run's start to its logical date
    run.start_date = min((row["start_date"] for row in rows if row["start_date"]), default=None)
    return native_of(request, run, rows, native_id=run.run_id)


def native_of(request: RunRequest, run: Any, rows: Iterable[dict[str, Any]], *, native_id: str) -> NativeRun:
    """The result of a DAG run, from its task instances."""
    instances: dict[str, list[NativeStep]] = {}
    chosen = grouped_request(find_pipeline(request.pipeline), request)
    for row in rows:
        if row["task_id"].endswith((WATCHER, *GATES)):
            continue
        name = row["task_id"].removesuffix(ELEMENTS)
        if chosen.selects(name) and (row["task_id"] == name or row["state"] == "failed"):
            instances.setdefault(name, []).append(_step(row))
    steps = ungrouped(request, {name: merged(parts) for name, parts in instances.items()})
    return NativeRun(native_id, str(run.state) != "success", iso(run.start_date), iso(run.end_date), steps)


def _step(row: dict[str, Any]) -> NativeStep:
    status = _STATES.get(row["state"] or "", Status.FAILED)
    if status not in {Status.SUCCESS, Status.FAILED}:
        return NativeStep(status, 0)
    error = ErrorInfo("TaskInstance", f"ended as {row['state']}; see its log") if status is Status.FAILED else None
    return NativeStep(status, max(row["try_number"], 1), iso(row["start_date"]), iso(row["end_date"]), error)


def page(target: Target, native_id: str | None = None) -> str:
    """The page of a DAG run, or of all DAGs."""
    return f"{target.url()}/dags" + (f"/{native_id.replace('::', '/runs/')}" if native_id else "")


def submit(target: Target, request: RunRequest) -> str:
    """Triggers a DAG run for the partition; a second run of the same day has no logical date.

    On a team's server, where runs of its own have the logical dates, none of ours has one.
    """
    pipeline = find_pipeline(request.pipeline)
    partition = pipeline.partitions.partition(request.partition)
    path, interval = f"/dags/{pipeline.name}/dagRuns", (partition.start.isoformat(), partition.end.isoformat())
    body = {"dag_run_id": request.run_id, "logical_date": None, "conf": {REQUEST: request.to_json()}}
    dates = {"logical_date": interval[0], "data_interval_start": interval[0], "data_interval_end": interval[1]}
    try:
        call(target, path, {**body, **dates} if target.is_ours else body)
    except ServiceError as error:
        if error.status != _CONFLICT:
            raise
        if not _exists(target, f"{path}/{quote(request.run_id, safe='')}"):  # it exists when only the answer was lost
            call(target, path, body)
    return f"{pipeline.name}::{request.run_id}"


def _exists(target: Target, path: str) -> bool:
    try:
        return bool(call(target, path))
    except UnansweredError:
        raise
    except ServiceError:
        return False


def observe(target: Target, request: RunRequest, native_id: str) -> NativeRun | None:
    """The result of the DAG run, or None while it has not ended."""
    dag_id, _, run_id = native_id.rpartition("::")
    path = f"/dags/{dag_id or find_pipeline(request.pipeline).name}/dagRuns/{quote(run_id, safe='')}"
    run = call(target, path)
    if run["state"] not in {"success", "failed"}:
        return None
    return native_of(request, SimpleNamespace(**run), rows_of(target, f"{path}/taskInstances"), native_id=native_id)
