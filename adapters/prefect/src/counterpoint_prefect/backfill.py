"""The substitute for native backfills: a work queue per backfill; the command creates runs as windows complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterWorkQueueName,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling

from counterpoint.model import PRODUCTION
from counterpoint.runtime import find_pipeline
from counterpoint_prefect.client import client_of
from counterpoint_prefect.deploy import pool_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from counterpoint.model import BackfillOrder, RunRequest
    from counterpoint.target import Target

_OPEN = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED]


def backfill(target: Target, order: BackfillOrder) -> str:
    """Creates the work queue of a backfill, which limits how many of its runs run at once; returns its name."""
    name = _name(order.request)
    with client_of(target) as client:
        try:
            queue = client.read_work_queue_by_name(name, work_pool_name=pool_of(target))
            client.update_work_queue(queue.id, concurrency_limit=order.parallel)
        except ObjectNotFound:
            client.create_work_queue(name, concurrency_limit=order.parallel, work_pool_name=pool_of(target))
    return name


def _name(request: RunRequest) -> str:
    return f"{find_pipeline(request.pipeline).name}-{request.version}"


def queue_of(client: SyncPrefectClient, target: Target, request: RunRequest) -> str | None:
    """The work queue of a backfill's run; None for other runs, and for all runs of a team's server."""
    if request.version == PRODUCTION or not target.is_ours:
        return None
    try:
        return str(client.read_work_queue_by_name(_name(request), work_pool_name=pool_of(target)).name)
    except ObjectNotFound:
        return None


def cancel(target: Target, order: BackfillOrder) -> None:
    """Cancels the runs in the queue of the order's version that have not ended."""
    wanted = FlowRunFilter(
        work_queue_name=FlowRunFilterWorkQueueName(any_=[_name(order.request)]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN)),
    )
    mine = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool_of(target)]))
    with client_of(target) as client:
        for run in client.read_flow_runs(flow_run_filter=wanted, work_pool_filter=mine):
            is_running = run.state is not None and run.state.is_running()
            client.set_flow_run_state(run.id, Cancelling() if is_running else Cancelled(), force=True)
