"""Runs: by `dag.test()` in this process, or on the services by the REST API; and how Airflow says that they went."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint.model import ErrorInfo, NativeRun, NativeStep, Status
from counterpoint.running import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from counterpoint.adapter import Site
    from counterpoint.model import RunRequest

ELEMENTS = "__elements"
REQUEST = "counterpoint"
_CONFLICT = 409


def run_in_process(request: RunRequest, home: Path) -> NativeRun:
    """Runs one DAG run here, one task after the other."""
    from counterpoint_airflow.deploy import prepare_here

    prepare_here(home, request)
    from counterpoint_airflow.translate import dag_of

    dag = dag_of(find_pipeline(request.pipeline))
    dag.deadline = None  # dag.test() cannot carry one
    run = dag.test(logical_date=None, run_conf={REQUEST: request.to_json()})
    rows = [
        {
            "task_id": ti.task_id,
            "state": ti.state,
            "try_number": ti.try_number,
            "start_date": _iso(ti.start_date),
            "end_date": _iso(ti.end_date),
        }
        for ti in run.get_task_instances()
    ]
    return _native(request, run, rows, native_id=run.run_id)


def _iso(moment: datetime | str | None) -> str | None:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _native(request: RunRequest, run: Any, rows: Iterable[dict[str, Any]], *, native_id: str) -> NativeRun:
    pipeline, steps = find_pipeline(request.pipeline), dict[str, NativeStep]()
    for row in rows:
        name = row["task_id"].removesuffix(ELEMENTS)
        if row["task_id"] == name or row["state"] == "failed":
            steps[name] = _worst(steps.get(name), _step(row))
    known = {name: steps[name] for name in pipeline.step_names if name in steps and request.selects(name)}
    return NativeRun(native_id, str(run.state) != "success", _iso(run.start_date), _iso(run.end_date), known)


def _step(row: dict[str, Any]) -> NativeStep:
    from counterpoint_airflow.conditions import native_status

    status = native_status(row["state"])
    if status not in {Status.SUCCESS, Status.FAILED}:
        return NativeStep(status, 0)
    error = ErrorInfo("TaskInstance", f"ended as {row['state']}; see its log") if status is Status.FAILED else None
    return NativeStep(status, max(row["try_number"], 1), _iso(row["start_date"]), _iso(row["end_date"]), error)


def _worst(one: NativeStep | None, other: NativeStep) -> NativeStep:
    """The step that a mapped step counts as: a failed element if there is one, else the most attempts."""
    if one is None:
        return other
    return max(one, other, key=lambda step: (step.status is Status.FAILED, step.attempts))


def call(site: Site, method: str, path: str, body: Any = None) -> Any:
    """What the REST API answers.

    Raises:
        ServiceError: it does not answer, or refuses.
    """
    token = _ask(site, "GET", "/auth/token", None, None)["access_token"]
    return _ask(site, method, f"/api/v2{path}", body, token)


def _ask(site: Site, method: str, path: str, body: Any, token: str | None) -> Any:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{site.url()}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")[:500]
        raise ServiceError(f"airflow refused {method} {path}: {error.code} {text}") from error
    except OSError as error:
        raise ServiceError(f"airflow's API server at {site.url()} does not answer: {error}") from error


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
        call(site, "POST", path, body)
    except ServiceError as error:
        if getattr(error.__cause__, "code", None) != _CONFLICT:
            raise
        call(site, "POST", path, {"dag_run_id": request.run_id, "logical_date": None, "conf": body["conf"]})
    return f"{pipeline.name}::{request.run_id}"


def observe(site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
    """How the DAG run went, or None while it has not ended."""
    dag_id, _, run_id = native_id.partition("::")
    path = f"/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}"
    run = call(site, "GET", path)
    if run["state"] not in {"success", "failed"}:
        return None
    rows = call(site, "GET", f"{path}/taskInstances?limit=1000")["task_instances"]
    return _native(request, SimpleNamespace(**run), rows, native_id=native_id)
