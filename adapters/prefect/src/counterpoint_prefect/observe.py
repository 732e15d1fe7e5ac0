"""Runs a flow in this process or a deployment on the services, and reads the result from Prefect."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW,
    PREFECT_MEMO_STORE_PATH,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    temporary_settings,
)

from counterpoint.model import ErrorInfo, NativeRun, NativeStep, Status, grouped, task_of
from counterpoint.runtime import find_pipeline, iso, merged
from counterpoint.runtime.groups import ungrouped
from counterpoint_prefect import database
from counterpoint_prefect.backfill import queue_of
from counterpoint_prefect.client import all_of, client_of, deployment_of
from counterpoint_prefect.conditions import native_status
from counterpoint_prefect.deploy import make_limits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, TaskRun

    from counterpoint.model import RunRequest
    from counterpoint.target import Target

_POLL_SECONDS = 0.2
_PATIENCE = timedelta(seconds=60)


def run(request: RunRequest, home: Path) -> NativeRun:
    """Calls the flow in this process; reads its task runs from the server that Prefect starts for the process."""
    from counterpoint_prefect.translate import translate

    pipeline = find_pipeline(request.pipeline)
    settings = {
        PREFECT_HOME: str(home),
        # Prefect 3.6 keeps these two in the user's home, whatever PREFECT_HOME says
        PREFECT_LOCAL_STORAGE_PATH: str(home / "storage"),
        PREFECT_MEMO_STORE_PATH: str(home / "memo_store.toml"),
        PREFECT_API_URL: None,
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True,
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 120,
        PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore",
    }
    _leave_other_homes(home)
    _print_nothing()
    database.prepare(home)
    with temporary_settings(settings), get_client(sync_client=True) as client:
        make_limits(client, [pipeline], own=True)
        state = translate(pipeline)(request=request.to_json(), return_state=True)
        run_id = state.state_details.flow_run_id
        while (native := _native(client, request, client.read_flow_run(run_id))) is None:
            time.sleep(_POLL_SECONDS)
        return native


def _print_nothing() -> None:
    """Lets the command's own lines tell what happens; the logs that Prefect keeps with its runs stay as they are."""
    from prefect.logging.handlers import PrefectConsoleHandler

    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_is_of_another)


def _is_of_another(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] != "prefect"


def _leave_other_homes(home: Path) -> None:
    """Stops the server that Prefect has started for this process, if the server belongs to another home."""
    from prefect.logging.handlers import APILogWorker
    from prefect.server.api.server import SubprocessASGIServer

    if getattr(SubprocessASGIServer(), "home", home) != home:
        APILogWorker.drain_all(at_exit=False)  # sends everything that is queued, events too
        SubprocessASGIServer().stop()
    SubprocessASGIServer().home = home


def submit(target: Target, request: RunRequest) -> str:
    """Creates a run of the pipeline's deployment; idempotent per request. Returns Prefect's id of the run."""
    name = find_pipeline(request.pipeline).name
    with client_of(target) as client:
        deployment = client.read_deployment_by_name(f"{name}/{deployment_of(target)}")
        run = client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"date": request.partition, "request": request.to_json()},
            idempotency_key=" ".join([request.run_id, *(request.steps or ())]),
            name=request.run_id,
            work_queue_name=queue_of(client, target, request),
        )
    return str(run.id)


def observe(target: Target, request: RunRequest, native_id: str) -> NativeRun | None:
    """The result of the flow run, or None while it has not ended."""
    with client_of(target) as client:
        run = client.read_flow_run(UUID(native_id))
        return _native(client, request, run) if run.state and run.state.is_final() else None


def _native(client: SyncPrefectClient, request: RunRequest, run: FlowRun) -> NativeRun | None:
    """The run with its tasks, or None until the server has recorded them all, which it does after the flow's end."""
    parts: dict[str, list[NativeStep]] = {}
    known_runs = task_runs(client, run.id)
    # the time of the update, not of the run's end: the database may have delayed the server for a minute
    updated = run.updated or datetime.now(UTC)
    if not _is_recorded(known_runs, request) and datetime.now(UTC) - updated < _PATIENCE:
        return None
    for task_run in known_runs:
        name = task_run.name.partition("[")[0]
        parts.setdefault(name, []).append(_step(task_run))
    pipeline = find_pipeline(request.pipeline)
    known = ungrouped(request, {name: merged(parts[name]) for name in grouped(pipeline).step_names if name in parts})
    failed = run.state is None or not run.state.is_completed()
    return NativeRun(str(run.id), failed, iso(run.start_time), iso(run.end_time), known)


def _is_recorded(task_runs: Sequence[TaskRun], request: RunRequest) -> bool:
    steps = [step for step in find_pipeline(request.pipeline).steps if request.selects(step.name)]
    missing = {task_of(step) for step in steps if not step.map_over} - {task_run.name for task_run in task_runs}
    return not missing and all(task_run.state and task_run.state.is_final() for task_run in task_runs)


def task_runs(client: SyncPrefectClient, run_id: UUID) -> list[TaskRun]:
    """The task runs of a flow run; for each task that was run again, its last run."""
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    every = all_of(partial(client.read_task_runs, flow_run_filter=wanted))
    oldest_first = sorted(every, key=lambda task_run: (task_run.expected_start_time, str(task_run.id)))
    return list({task_run.name: task_run for task_run in oldest_first}.values())


def _step(task_run: TaskRun) -> NativeStep:
    state = task_run.state
    status = native_status(state.type.value, state.name) if state else Status.FAILED
    if status in {Status.SKIPPED, Status.UPSTREAM_FAILED}:
        return NativeStep(status, 0)
    error = ErrorInfo("TaskRun", state.message or "no message") if state and status is Status.FAILED else None
    return NativeStep(status, task_run.run_count, iso(task_run.start_time), iso(task_run.end_time), error)


def page(target: Target, native_id: str | None = None) -> str:
    """The page of a flow run, or of all runs."""
    pages = target.url().partition("/api")[0]
    return f"{pages}/runs/flow-run/{native_id}" if native_id else f"{pages}/runs"
