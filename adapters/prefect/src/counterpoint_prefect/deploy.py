"""Prefect's services: the server, a worker of a process pool, and a deployment per pipeline."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from counterpoint import garbage
from counterpoint.adapter import Plan, Process
from counterpoint.running import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefect.client.orchestration import SyncPrefectClient

    from counterpoint.adapter import Site
    from counterpoint.model import Pipeline

WORK_POOL = "counterpoint"
# settings of Prefect: the user's own are for another server, or would change how flows run
_OF_AN_INSTALLATION = tuple(
    f"PREFECT_{name}"
    for name in (
        *("_", "API_", "CLIENT_", "CLOUD_", "DEFAULT_", "DEPLOYMENTS_", "EXPERIMENTS_", "FLOWS_", "HOME", "INTERNAL_"),
        *("LOCAL_STORAGE_PATH", "LOGGING_", "MEMO_STORE_PATH", "PROFILE", "RESULTS_", "RUNNER_", "SERVER_", "TASK"),
        *("TEST", "UI_", "WORKER_"),
    )
)


def plan(site: Site) -> Plan:
    """The services of a site."""
    prefect, this = ((sys.executable, "-m", name) for name in ("prefect", "counterpoint_prefect.deploy"))
    server = ("server", "start", "--host", "127.0.0.1", "--port", str(site.ports["web"]))
    worker = ("worker", *f"start --pool {WORK_POOL} --type process --name counterpoint".split())
    return Plan(
        processes=(
            Process("server", (*prefect, *server) if site.database else garbage.command("prefect", *server)),
            Process("worker", (*prefect, *worker), recover=this, hasty=True),
        ),
        ready=lambda: _missing(site),
        settle=(Process("deployments", (*this, *site.pipelines)),),
        without=_OF_AN_INSTALLATION,
        environment={
            "PREFECT_HOME": str(site.home),
            "PREFECT_LOCAL_STORAGE_PATH": str(site.home / "storage"),
            "PREFECT_MEMO_STORE_PATH": str(site.home / "memo_store.toml"),
            "PREFECT_API_URL": f"{site.url()}/api",
            "PREFECT_UI_API_URL": f"{site.url()}/api",
            "PREFECT_UI_STATIC_DIRECTORY": str(site.home / "ui"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            "DO_NOT_TRACK": "1",
            **({"PREFECT_API_DATABASE_CONNECTION_URL": _async(site.database)} if site.database else {}),
        },
    )


def _async(database: str) -> str:
    """The URL with the driver that Prefect's server speaks."""
    return f"postgresql+asyncpg://{database.partition('://')[2]}"


def _missing(site: Site) -> str | None:
    for path in ("health", "ready"):
        try:
            with urlopen(f"{site.url()}/api/{path}", timeout=5):
                pass
        except (URLError, OSError):
            return "the server does not answer yet"
    return None


def make_limits(client: SyncPrefectClient, pipelines: Iterable[Pipeline]) -> None:
    """Gives every declared pool its slots, as a global concurrency limit."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
    from prefect.exceptions import ObjectNotFound

    for pool in (pool for pipeline in pipelines for pool in pipeline.pools):
        try:
            client.read_global_concurrency_limit_by_name(pool.name)
            client.update_global_concurrency_limit(pool.name, GlobalConcurrencyLimitUpdate(limit=pool.slots))
        except ObjectNotFound:
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=pool.name, limit=pool.slots))


def make_deployments(names: list[str]) -> None:
    """A deployment per pipeline on the process pool; its schedule is paused unless the site runs schedules."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
    from prefect.client.schemas.schedules import CronSchedule

    from counterpoint_prefect.deadlines import watch_deadline
    from counterpoint_prefect.observe import DEPLOYMENT
    from counterpoint_prefect.translate import translate

    pipelines = [find_pipeline(name) for name in names]
    with get_client(sync_client=True) as client:
        # not the worker's own limit, which ends it when a run that was put off comes back before its process has ended
        client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", concurrency_limit=2), overwrite=True)
        make_limits(client, pipelines)
        for pipeline in pipelines:
            active = bool(os.environ.get("COUNTERPOINT_SCHEDULES"))
            cron = CronSchedule(cron=pipeline.schedule.cron, timezone="UTC") if pipeline.schedule else None
            flow = translate(pipeline)
            deployment = client.create_deployment(
                client.create_flow(flow),
                DEPLOYMENT,
                entrypoint=f"counterpoint_prefect.flows.{pipeline.name}",
                work_pool_name=WORK_POOL,
                pull_steps=[],
                description=pipeline.description,
                schedules=[DeploymentScheduleCreate(schedule=cron, active=active)] if cron else [],
                parameter_openapi_schema=flow.parameters.model_dump_for_openapi(),
                enforce_parameter_schema=False,
            )
            if cron and pipeline.deadline:
                watch_deadline(client, pipeline.name, f"prefect.deployment.{deployment}", pipeline.deadline, active)


def tell_crashed() -> None:
    """Marks as crashed what a worker ran that is gone: Prefect itself would believe for ever that it runs."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    lost = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=lost))):
            client.set_flow_run_state(run.id, Crashed(message="its worker was killed"), force=True)


if __name__ == "__main__":
    tell_crashed()
    if names := sys.argv[1:]:
        make_deployments(names)
