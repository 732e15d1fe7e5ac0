"""Prefect's services: the server, a worker of a process pool, and a deployment per pipeline."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint import garbage
from counterpoint.adapter import Plan, Process, ServiceEnvironment
from counterpoint.errors import ServiceError, UsageError
from counterpoint.http import NO_RETRIES, ask
from counterpoint.runtime import find_pipeline
from counterpoint.service_environment import SCHEDULES, SITE
from counterpoint.services.claims import Claim, carried_out, may_set
from counterpoint_prefect import database, forked
from counterpoint_prefect.client import all_of, auth_of
from counterpoint_prefect.keys import DEPLOYMENT, ENTRY, GIVEN, WORK_POOL, tag_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefect.client.orchestration import SyncPrefectClient

    from counterpoint.model import Pipeline
    from counterpoint.target import Target

# the description of our work pool
MADE = "made by Counterpoint for its own worker"
_AT_ONCE = 2
# the Prefect variables in a given database: the target that uses it, and the limits that we created
# variables of a server: who uses it, and which limits are ours
_CLAIM, LIMITS = "counterpoint_site", "counterpoint_limits"
# Prefect's settings that are not passed on: the user's own are for another server, or would change how flows run
_OF_AN_INSTALLATION = tuple(
    f"PREFECT_{name}"
    for name in (
        *("_", "API_", "CLIENT_", "CLOUD_", "DEFAULT_", "DEPLOYMENTS_", "EXPERIMENTS_", "FLOWS_", "HOME", "INTERNAL_"),
        *("LOCAL_STORAGE_PATH", "LOGGING_", "MEMO_STORE_PATH", "PROFILE", "RESULTS_", "RUNNER_", "SERVER_", "TASK"),
        *("TEST", "UI_", "WORKER_"),
    )
)


def plan(target: ServiceEnvironment) -> Plan:
    """The services of a service environment."""
    modules = ("prefect", "counterpoint_prefect.deploy", "counterpoint_prefect.worker")
    prefect, this, working = ((sys.executable, "-P", "-m", name) for name in modules)
    server = ("server", "start", "--host", "127.0.0.1", "--port", str(target.ports["web"]))
    worker = f"start --pool {pool_of(target)} --type process --name counterpoint".split()
    return Plan(
        prepare=() if target.database else (Process("database", (sys.executable, "-P", "-m", database.__name__)),),
        processes=(
            Process("server", (*prefect, *server) if target.database else garbage.command("prefect", *server)),
            Process("worker", (*working, *worker), restart_during_startup=True),
            *([Process("runs", forked.serving(target.home))] if forked.available() else []),
        ),
        ready=lambda: _missing(target),
        post_start=(Process("deployments", (*this, *target.pipelines)),),
        without=_OF_AN_INSTALLATION,
        environment={
            "PREFECT_HOME": str(target.home),
            "PREFECT_LOCAL_STORAGE_PATH": str(target.home / "storage"),
            "PREFECT_MEMO_STORE_PATH": str(target.home / "memo_store.toml"),
            "PREFECT_API_URL": f"{target.url()}/api",
            "PREFECT_SERVER_API_AUTH_STRING": auth_of(target),
            "PREFECT_API_AUTH_STRING": auth_of(target),
            "PREFECT_UI_API_URL": f"{target.url()}/api",
            "PREFECT_UI_STATIC_DIRECTORY": str(target.home / "ui"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            "DO_NOT_TRACK": "1",
            **({GIVEN: _async(target.database)} if target.database else {}),
        },
    )


def pool_of(target: Target) -> str:
    """The work pool of a service environment."""
    return _pool(target.id, given=isinstance(target, ServiceEnvironment) and bool(target.database))


def _pool(target: str | None, *, given: bool) -> str:
    """The work pool's name; in a given database it holds the target's id, because a worker takes all runs of a pool."""
    return f"{WORK_POOL}-{target}" if target and given else WORK_POOL


def _async(database: str) -> str:
    """The URL with the driver of Prefect's server."""
    return f"postgresql+asyncpg://{database.partition('://')[2]}"


def _missing(target: ServiceEnvironment) -> str | None:
    for path in ("health", "ready"):
        try:
            ask(f"{target.url()}/api/{path}", seconds=5, retries=NO_RETRIES)
        except ServiceError:
            return "the server does not answer yet"
    return None


def put_in_order(names: list[str]) -> None:
    """Creates the deployments, pool and limits of a target, and marks the runs of its killed worker as crashed.

    Raises:
        UsageError: this process belongs to no target, another target uses the database, or a pool or deployment of
            the same name is not the target's.
    """
    from prefect.client.orchestration import get_client

    mine, own = Claim.here(), GIVEN not in os.environ
    with get_client(sync_client=True) as client:
        if not own:
            mine.refuse_other(variable(client, _CLAIM), f"unset its variable {_CLAIM}")
            set_variable(client, _CLAIM, mine.to_json())
    if names:
        make_deployments(names)


def variable(client: SyncPrefectClient, name: str) -> str | None:
    """The value of a server's variable; None without."""
    stored = client.read_variable_by_name(name)
    return str(stored.value) if stored else None


def set_variable(client: SyncPrefectClient, name: str, value: str) -> None:
    """Creates or updates a server's variable."""
    from prefect.client.schemas.actions import VariableCreate, VariableUpdate

    if variable(client, name) is None:
        client.create_variable(VariableCreate(name=name, value=value))
    else:
        client.update_variable(VariableUpdate(name=name, value=value))


def make_limits(client: SyncPrefectClient, pipelines: Iterable[Pipeline], *, own: bool = False) -> None:
    """Gives every declared pool its slots, as a global concurrency limit; leaves limits of others as they are.

    Args:
        client: The client of the server.
        pipelines: The pipelines whose pools are set.
        own: Whether the server is ours, so that all its limits are.
    """
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate

    existing = {limit.name: limit.limit for limit in all_of(client.read_global_concurrency_limits)}
    made_here = set() if own else set(json.loads(variable(client, LIMITS) or "[]"))
    for pool in (pool for pipeline in pipelines for pool in pipeline.pools):
        if not may_set(pool, existing.get(pool.name), ours=own or pool.name in made_here):
            continue
        if pool.name in existing:
            client.update_global_concurrency_limit(pool.name, GlobalConcurrencyLimitUpdate(limit=pool.slots))
        else:
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=pool.name, limit=pool.slots))
            existing[pool.name] = pool.slots
        if not own:
            set_variable(client, LIMITS, json.dumps(sorted(made_here := made_here | {pool.name})))


def _make_pool(client: SyncPrefectClient, name: str, *, own: bool) -> None:
    """Creates or updates the process pool of the service environment.

    Raises:
        UsageError: somebody else created a pool of this name; his worker would take our runs.
    """
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    try:
        existing = client.read_work_pool(name)
    except ObjectNotFound:
        # not the worker's own limit, which ends the worker when a rescheduled run returns before its process has ended
        client.create_work_pool(WorkPoolCreate(name=name, type="process", concurrency_limit=_AT_ONCE, description=MADE))
        return
    # the target's worker may create the pool first, without a description, as earlier releases did
    mine = own or name != WORK_POOL
    if not (existing.description == MADE or (mine and existing.type == "process" and not existing.description)):
        raise UsageError(f"the work pool {name!r} of this server was not made by Counterpoint: rename it")
    client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=_AT_ONCE, description=MADE))


def make_deployments(names: list[str]) -> None:
    """Creates a deployment per pipeline on the process pool; its schedule is paused unless the target runs schedules.

    Raises:
        UsageError: a deployment or a pool of this name was not made by Counterpoint.
    """
    from prefect.client.orchestration import get_client

    target, pipelines = os.environ.get(SITE), [find_pipeline(name) for name in names]
    mine = Claim.here() if target else None
    own = target is not None and GIVEN not in os.environ
    with get_client(sync_client=True) as client:
        for pipeline in pipelines:
            _refuse_foreign(client, pipeline)
        pool = _pool(target, given=GIVEN in os.environ)
        _make_pool(client, pool, own=own)
        make_limits(client, pipelines, own=own)
        for pipeline in pipelines:
            _make_deployment(client, pipeline, pool, mine)


def _make_deployment(client: SyncPrefectClient, pipeline: Pipeline, pool: str, mine: Claim | None) -> None:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    from counterpoint_prefect.deadlines import watch_deadline
    from counterpoint_prefect.policies import labels, schedule_of
    from counterpoint_prefect.translate import translate

    active = bool(os.environ.get(SCHEDULES))
    times = schedule_of(pipeline)
    cron = CronSchedule.model_validate(times) if times else None
    flow, command = translate(pipeline), shlex.join(forked.run_command(Path(mine.home) if mine else None))
    deployment = client.create_deployment(
        client.create_flow(flow),
        DEPLOYMENT,
        entrypoint=f"{ENTRY}{pipeline.name}",
        work_pool_name=pool,
        # Prefect's default command first fetches the flow's code in another process; there is nothing to fetch
        job_variables={"command": command, **flow.__dict__["job_variables"]},
        pull_steps=[],
        description=pipeline.description,
        tags=[*([tag_of(mine.target)] if mine else []), *sorted(labels(pipeline.owner, pipeline.tags))],
        schedules=[DeploymentScheduleCreate(schedule=cron, active=active)] if cron else [],
        parameter_openapi_schema=flow.parameters.model_dump_for_openapi(),
        enforce_parameter_schema=False,
    )
    if cron and pipeline.deadline:
        watch_deadline(client, pipeline.name, f"prefect.deployment.{deployment}", pipeline.deadline, active)


def _refuse_foreign(client: SyncPrefectClient, pipeline: Pipeline) -> None:
    from prefect.exceptions import ObjectNotFound

    name = f"{pipeline.name}/{DEPLOYMENT}"
    try:
        existing = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return
    if not (existing.entrypoint or "").startswith(ENTRY):
        raise UsageError(f"the deployment {name!r} of this server was not made by Counterpoint: rename one of the two")


if __name__ == "__main__":
    sys.exit(carried_out(lambda: put_in_order(sys.argv[1:])))
