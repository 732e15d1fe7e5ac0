"""Runs whose worker was killed: they are marked as crashed, or go on waiting."""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import Crashed, Scheduled

from counterpoint.errors import CounterpointError
from counterpoint.model import RunRequest, downstream, task_of
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.adapter_support import ROOT
from counterpoint.runtime.waits import held
from counterpoint.service_environment import SITE_TAG
from counterpoint.services.claims import Claim
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects
from counterpoint_prefect.client import all_of
from counterpoint_prefect.keys import ENTRY, GIVEN, WAITS, tag_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State
    from prefect.client.schemas.responses import DeploymentResponse

log = logging.getLogger(__name__)


def tell_crashed() -> None:
    """Marks the active runs of this service environment as crashed: Prefect would show them as running forever.

    Only its worker calls this, before it takes a run: all active runs are then those of the worker before it. A run
    that only looked whether its steps still wait has lost nothing: it is rescheduled.

    Raises:
        UsageError: this process belongs to no service environment.
    """
    target, own = Claim.here().target, GIVEN not in os.environ
    with get_client(sync_client=True) as client:
        deployments = all_of(client.read_deployments)
        ids = [str(deployment.id) for deployment in deployments if _is_of(deployment, target, own=own)]
        lost = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}, "deployment_id": {"any_": ids}}
        read = partial(client.read_flow_runs, flow_run_filter=FlowRunFilter.model_validate(lost))
        for run in all_of(read) if ids else []:
            state = waiting_state(client, run) or Crashed(message="its worker was killed")
            client.set_flow_run_state(run.id, state, force=True)


def _is_of(deployment: DeploymentResponse, target: str, *, own: bool) -> bool:
    """Whether a deployment is a target's; on a server that is ours, one of an earlier release has no tag."""
    tagged = any(tag.startswith(f"{SITE_TAG}:") for tag in deployment.tags)
    early = own and not tagged and (deployment.entrypoint or "").startswith(ENTRY)
    return tag_of(target) in deployment.tags or early


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
    waits = [name for first in waiting for name in (first, *downstream(pipeline, first))]
    looked = {task_of(pipeline.step(name)) for name in waits}
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
