"""The schedules of deployments: looked at, started and paused by the API; kept paused before a start."""

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
    from counterpoint.adapter import ServiceEnvironment

# deployments are made anew at each start: without schedules, then
PAUSE_BEFORE_START = {SCHEDULES: ""}
_NOT_ENDED = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}


def scheduled(target: ServiceEnvironment, pipeline: str) -> bool | None:
    """Whether the deployment has an active schedule and is not paused; None when it has no schedule."""
    with client_of(target) as client:
        deployment = _deployment(client, pipeline)
        active = [entry.active for entry in client.read_deployment_schedules(deployment.id)]
    return any(active) and not deployment.paused if active else None


def schedule(target: ServiceEnvironment, pipeline: str, *, on: bool) -> None:
    """Pauses the deployment, which removes the runs that it made ahead, or ends that; its deadline goes with it."""
    with client_of(target) as client:
        deployment, known = _deployment(client, pipeline), find_pipeline(pipeline)
        # the client's own methods keep the runs that are late
        client.request("POST", f"/deployments/{deployment.id}/{'resume' if on else 'pause'}_deployment")
        for entry in client.read_deployment_schedules(deployment.id):
            client.update_deployment_schedule(deployment.id, entry.id, active=on)
        if known.deadline:
            watch_deadline(client, known.name, f"prefect.deployment.{deployment.id}", known.deadline, on)


def admit(target: ServiceEnvironment, pipeline: str) -> None:
    """Refuses nothing: a deployment that is paused runs what it is asked for."""


def active_runs(target: ServiceEnvironment, pipeline: str) -> tuple[str, ...]:
    """The runs of the deployment that are about to begin, or run."""
    with client_of(target) as client:
        wanted = {**_NOT_ENDED, "deployment_id": {"any_": [str(_deployment(client, pipeline).id)]}}
        return tuple(str(run.id) for run in client.read_flow_runs(flow_run_filter=FlowRunFilter(**wanted)))


def _deployment(client: Any, pipeline: str) -> Any:
    return client.read_deployment_by_name(f"{find_pipeline(pipeline).name}/{DEPLOYMENT}")


def pause_before_start(pipelines: list[str]) -> None:
    """Pauses deployments by a server of this process alone, for the target's own would run at once what is late."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE, temporary_settings

    here = {PREFECT_API_URL: None, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True}
    with temporary_settings(here), get_client(sync_client=True) as client:
        for pipeline in pipelines:
            with suppress(ObjectNotFound):
                client.request("POST", f"/deployments/{_deployment(client, pipeline).id}/pause_deployment")
