"""Runs: by `dag.test()` in this process, or on the services by the REST API; and how Airflow says that they went."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from counterpoint.errors import ServiceError
from counterpoint.model import ErrorInfo, NativeRun, NativeStep, Status
from counterpoint.running import find_pipeline, iso, worst
from counterpoint.services.http import ask

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from counterpoint.adapter import Site
    from counterpoint.model import RunRequest

ELEMENTS = "__elements"
REQUEST = "counterpoint"
_CONFLICT = 409


def run(request: RunRequest, home: Path) -> NativeRun:
    """Runs one DAG run here, one task after the other."""
    from counterpoint_airflow.deploy import prepare_here

    prepare_here(home, request)
    from counterpoint_airflow.translate import translate

    dag = translate(find_pipeline(request.pipeline))
    dag.deadline = None  # dag.test() cannot carry one
    run = dag.test(logical_date=None, run_conf={REQUEST: request.to_json()})
    fields = ("task_id", "state", "try_number", "start_date", "end_date")
    rows = [{name: getattr(ti, name) for name in fields} for ti in run.get_task_instances()]
    return _native(request, run, rows, native_id=run.run_id)


def _native(request: RunRequest, run: Any, rows: Iterable[dict[str, Any]], *, native_id: str) -> NativeRun:
    pipeline, steps = find_pipeline(request.pipeline), dict[str, NativeStep]()
    for row in rows:
        name = row["task_id"].removesuffix(ELEMENTS)
        if row["task_id"] == name or row["state"] == "failed":
            steps[name] = worst(steps.get(name), _step(row))
    known = {name: steps[name] for name in pipeline.step_names if name in steps and request.selects(name)}
    return NativeRun(native_id, str(run.state) != "success", iso(run.start_date), iso(run.end_date), known)


def _step(row: dict[str, Any]) -> NativeStep:
    from counterpoint_airflow.conditions import native_status

    status = native_status(row["state"])
    if status not in {Status.SUCCESS, Status.FAILED}:
        return NativeStep(status, 0)
    error = ErrorInfo("TaskInstance", f"ended as {row['state']}; see its log") if status is Status.FAILED else None
    return NativeStep(status, max(row["try_number"], 1), iso(row["start_date"]), iso(row["end_date"]), error)


def call(site: Site, path: str, body: Any = None) -> Any:
    """What the REST API answers.

    Raises:
        ServiceError: it does not answer, or refuses.
    """
    return ask(f"{site.url()}/api/v2{path}", body, token=_token(site.url()))


@cache
def _token(url: str) -> str:
    return str(ask(f"{url}/auth/token")["access_token"])


def page(site: Site, native_id: str | None = None) -> str:
    """The page of a DAG run, or of all DAGs."""
    return f"{site.url()}/dags" + (f"/{native_id.replace('::', '/runs/')}" if native_id else "")


def submit(site: Site, request: RunRequest) -> str:
    """Triggers a DAG run for the partition; a second one for the same day has no logical date of its own."""
    pipeline = find_pipeline(request.pipeline)
    partition = pipeline.partitions.partition(request.partition)
    body = {
        "dag_run_id": request.run_id,
        "logical_date": partition.start.isoformat(),
        "data_interval_start": partition.start.isoformat(),
        "data_interval_end": partition.end.isoformat(),
        "conf": {REQUEST: request.to_json()},
    }
    path = f"/dags/{pipeline.name}/dagRuns"
    try:
        call(site, path, body)
    except ServiceError as error:
        if getattr(error.__cause__, "code", None) != _CONFLICT:
            raise
        call(site, path, {"dag_run_id": request.run_id, "logical_date": None, "conf": body["conf"]})
    return f"{pipeline.name}::{request.run_id}"


def observe(site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
    """How the DAG run went, or None while it has not ended."""
    dag_id, _, run_id = native_id.partition("::")
    path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
    run = call(site, path)
    if run["state"] not in {"success", "failed"}:
        return None
    rows = call(site, f"{path}/taskInstances?limit=1000")["task_instances"]
    return _native(request, SimpleNamespace(**run), rows, native_id=native_id)
