"""Reads, starts and pauses the schedules of deployments by the API; pauses them before a start."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.filters import FlowRunFilter
from prefect.exceptions import ObjectNotFound

from counterpoint.runtime import find_pipeline
from counterpoint.service_environment import SCHEDULES
from counterpoint_prefect.client import client_of
from counterpoint_prefect.deadlines import watch_deadline
from counterpoint_prefect.keys import DEPLOYMENT

if TYPE_CHECKING:
    from counterpoint.target import Target

# each start creates the deployments again: with this, without schedules
PAUSE_BEFORE_START = {SCHEDULES: ""}
_NOT_ENDED = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}


def scheduled(target: Target, pipeline: str) -> bool | None:
    """Whether the deployment has an active schedule and is not paused; None when it has no schedule."""
    with client_of(target) as client:
        deployment = _deployment(client, pipeline)
        active = [entry.active for entry in client.read_deployment_schedules(deployment.id)]
    return any(active) and not deployment.paused if active else None


def schedule(target: Target, pipeline: str, *, on: bool) -> None:
    """Resumes or pauses the deployment and its deadline; a pause removes the runs that are scheduled ahead."""
    with client_of(target) as client:
        deployment, description = _deployment(client, pipeline), find_pipeline(pipeline)
        # not by the client's own methods, which keep the late runs
        client.request("POST", f"/deployments/{deployment.id}/{'resume' if on else 'pause'}_deployment")
        for entry in client.read_deployment_schedules(deployment.id):
            client.update_deployment_schedule(deployment.id, entry.id, active=on)
        if description.deadline:
            name = f"prefect.deployment.{deployment.id}"
            watch_deadline(client, description.name, name, description.deadline, on)


def admit(target: Target, pipeline: str) -> None:
    """Refuses nothing: a paused deployment still executes requested runs."""


def active_runs(target: Target, pipeline: str) -> tuple[str, ...]:
    """The pending and running runs of the deployment."""
    with client_of(target) as client:
        wanted = {**_NOT_ENDED, "deployment_id": {"any_": [str(_deployment(client, pipeline).id)]}}
        return tuple(str(run.id) for run in client.read_flow_runs(flow_run_filter=FlowRunFilter(**wanted)))


def _deployment(client: Any, pipeline: str) -> Any:
    return client.read_deployment_by_name(f"{find_pipeline(pipeline).name}/{DEPLOYMENT}")


def pause_before_start(pipelines: list[str]) -> None:
    """Pauses deployments by a server in this process: the target's own server would start late runs at once."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE, temporary_settings

    settings = {PREFECT_API_URL: None, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True}
    with temporary_settings(settings), get_client(sync_client=True) as client:
        for pipeline in pipelines:
            with suppress(ObjectNotFound):
                client.request("POST", f"/deployments/{_deployment(client, pipeline).id}/pause_deployment")
