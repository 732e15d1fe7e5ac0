"""Runs whose process is gone: which of them only looked whether their steps still wait."""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import Scheduled

from counterpoint.errors import CounterpointError
from counterpoint.model import RunRequest, downstream
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.adapter_support import ROOT
from counterpoint.runtime.waits import held
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects
from counterpoint_prefect.client import all_of
from counterpoint_prefect.keys import WAITS

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

log = logging.getLogger(__name__)


def waiting_state(client: SyncPrefectClient, run: FlowRun) -> State[Any] | None:
    """The state in which a lost run goes on waiting; None for a run that was killed at something else.

    A run goes on if a step of it waits, and nothing else of it was active: what was killed then is a look, which comes
    again.

    Args:
        client: The client of the server.
        run: The flow run, whose process is gone.
    """
    try:
        request = _request(client, run)
        waiting = held(request) if request else {}
        if request is None or not waiting:
            return None
        pipeline = find_pipeline(request.pipeline)
    except CounterpointError as error:
        log.warning("run %s: whether it waited is unknown: %s", run.id, error)
        return None
    looked = {name for first in waiting for name in (first, *downstream(pipeline, first))}
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    tasks = all_of(partial(client.read_task_runs, flow_run_filter=wanted))
    active = {task.name.partition("[")[0] for task in tasks if task.state and not task.state.is_final()}
    return Scheduled(name=WAITS, message="its worker was killed") if active <= looked else None


def _request(client: SyncPrefectClient, run: FlowRun) -> RunRequest | None:
    """The request of a flow run: the one passed to it, or the one that was kept of it; None for another one's run."""
    if text := run.parameters.get("request"):
        return RunRequest.from_json(text)
    root = os.environ.get(ROOT)
    if root is None:
        return None
    name = client.read_flow(run.flow_id).name
    stored = Objects(root).get_json(layout.run_request(name, f"prefect-{run.id}"))
    return RunRequest.from_json(stored["request"]) if stored else None
