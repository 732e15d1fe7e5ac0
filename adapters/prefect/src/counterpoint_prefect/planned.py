"""The plan of a deployment to a team's Prefect: limits, work pool, deployment, schedule, automation of the deadline."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
    WorkPoolCreate,
)
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound

from counterpoint.deployment import Change, Deployment, ServerPool, pool_changes
from counterpoint.errors import UsageError
from counterpoint_prefect.client import all_of, client_of, deployment_of
from counterpoint_prefect.containers import job_variables
from counterpoint_prefect.deadlines import deadline_automation
from counterpoint_prefect.deploy import LIMITS, set_variable, variable
from counterpoint_prefect.deployment_files import deadline_of, deployed, image_folder, work_pool
from counterpoint_prefect.translate import translate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse

    from counterpoint.build.order import Build
    from counterpoint.model import Pool
    from counterpoint.target import DeploymentTarget

_OURS, _PROCESS = "counterpoint", "process"
_DIRECTORY = "prefect.deployments.steps.set_working_directory"
_MADE = "made by Counterpoint for the project {}"


def planned(client: SyncPrefectClient, target: DeploymentTarget, build: Build, files: Path | None) -> Deployment:
    """What has to change for a pipeline.

    Args:
        client: A client of the server.
        target: The server.
        build: What the files of the pipeline are built from.
        files: The folder of the built files as the workers see it; needed where a deployment to processes is new.

    Raises:
        UsageError: a limit or a deployment of the same name was not made by Counterpoint.
    """
    name, existing = build.pipeline.name, read_deployment(client, target, build.pipeline.name)
    changes = [*_limit_changes(client, target, build), *_pool_changes(client, target, build)]
    place = existing.work_pool_name if existing and existing.work_pool_name else work_pool(build)
    wanted = _wanted(build, _kind_of(client, place), files)
    if existing is None:
        if wanted["pull_steps"] is None:
            folder = f"the deployment of {name} needs the folder of its files on the workers: name it by --files"
            return Deployment(changes, [folder])
        wanted["work_pool_name"] = place
        create = partial(_create, target, build, wanted)
        changes.append(Change("create", "deployment", f"{name}/{deployment_of(target)}", f"work pool {place}", create))
    else:
        changes += [*_updates(target, build, existing, wanted), *_schedule_changes(client, target, build, existing)]
    return Deployment([*changes, *_automation_changes(client, target, build)])


def read_deployment(client: SyncPrefectClient, target: DeploymentTarget, flow: str) -> DeploymentResponse | None:
    """The deployment of a flow for the target's environment; None if there is none.

    Raises:
        UsageError: the deployment of that name was not made by Counterpoint.
    """
    name = f"{flow}/{deployment_of(target)}"
    try:
        existing = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None
    if _OURS not in existing.tags:
        raise UsageError(
            f"the deployment {name} on {target.url()} was not made by Counterpoint, for it has no tag {_OURS!r}: rename"
            " one of the two"
        )
    return existing


def _wanted(build: Build, kind: str, files: Path | None) -> dict[str, Any]:
    """The fields of a deployment, by the type of its work pool; `pull_steps` is None where its folder is not known."""
    stated = deployed(build)
    is_process = kind == _PROCESS
    folder = (str(files) if files else None) if is_process else image_folder(build)
    return {
        "version": stated["version"],
        "tags": stated["tags"],
        "entrypoint": stated["entrypoint"],
        "job_variables": {} if is_process else {"image": build.image, **job_variables(build.pipeline)},
        "pull_steps": [{_DIRECTORY: {"directory": folder}}] if folder else None,
    }


def _kind_of(client: SyncPrefectClient, pool: str) -> str:
    try:
        return str(client.read_work_pool(pool).type)
    except ObjectNotFound:
        return _PROCESS


def _create(target: DeploymentTarget, build: Build, wanted: dict[str, Any]) -> None:
    stated, flow = deployed(build)["schedules"], translate(build.pipeline)
    schedules = [DeploymentScheduleCreate(schedule=_cron(entry), active=True) for entry in stated]
    with client_of(target) as client:
        client.create_deployment(
            client.create_flow_from_name(build.pipeline.name),
            deployment_of(target),
            description=build.pipeline.description,
            schedules=schedules,
            parameter_openapi_schema=flow.parameters.model_dump_for_openapi(),
            enforce_parameter_schema=False,
            **wanted,
        )


def _updates(
    target: DeploymentTarget, build: Build, existing: DeploymentResponse, wanted: dict[str, Any]
) -> Iterator[Change]:
    """The change of the fields that differ; the folder stays as the server has it, unless another is named."""
    current = {name: getattr(existing, name) for name in wanted}
    current["tags"] = sorted(current["tags"])
    stated = {name: value for name, value in {**wanted, "tags": sorted(wanted["tags"])}.items() if value is not None}
    other = {name: value for name, value in stated.items() if current[name] != value}
    if other:

        def update() -> None:
            with client_of(target) as client:
                client.update_deployment(existing.id, DeploymentUpdate(**other))

        files = ": bring the files to the workers first" if "tags" in other else ""
        name = f"{build.pipeline.name}/{existing.name}"
        yield Change("change", "deployment", name, f"{', '.join(sorted(other))}{files}", update)


def _schedule_changes(
    client: SyncPrefectClient, target: DeploymentTarget, build: Build, existing: DeploymentResponse
) -> Iterator[Change]:
    """The change of the schedule: a missing one is created, another time set, one that is off switched on."""
    entries = client.read_deployment_schedules(existing.id)
    for stated in deployed(build)["schedules"]:
        wanted, name = _cron(stated), build.pipeline.name
        same = next((entry for entry in entries if _is_same(entry, wanted)), None)
        told = f"{wanted.cron} {wanted.timezone}"
        if same is None and len(entries) == 1:
            before = f"{getattr(entries[0].schedule, 'cron', '?')} {getattr(entries[0].schedule, 'timezone', '')}"
            details = f"{before.strip()} -> {told}"
            yield Change("change", "schedule", name, details, partial(_set, target, existing, entries[0], wanted))
        elif same is None:
            yield Change("create", "schedule", name, told, partial(_add, target, existing, wanted))
        elif not same.active:
            yield Change("change", "schedule", name, "paused -> on", partial(_set, target, existing, same, wanted))
    if existing.paused:
        yield Change("change", "schedule", build.pipeline.name, "paused -> on", partial(_resume, target, existing))


def _cron(stated: dict[str, Any]) -> CronSchedule:
    return CronSchedule(cron=stated["cron"], timezone=stated["timezone"])


def _is_same(entry: DeploymentSchedule, wanted: CronSchedule) -> bool:
    times = entry.schedule
    return isinstance(times, CronSchedule) and (times.cron, times.timezone) == (wanted.cron, wanted.timezone)


def _set(
    target: DeploymentTarget, existing: DeploymentResponse, entry: DeploymentSchedule, wanted: CronSchedule
) -> None:
    with client_of(target) as client:
        client.update_deployment_schedule(existing.id, entry.id, active=True, schedule=wanted)


def _add(target: DeploymentTarget, existing: DeploymentResponse, wanted: CronSchedule) -> None:
    with client_of(target) as client:
        client.create_deployment_schedules(existing.id, [DeploymentScheduleCreate(schedule=wanted, active=True)])


def _resume(target: DeploymentTarget, existing: DeploymentResponse) -> None:
    with client_of(target) as client:
        client.request("POST", f"/deployments/{existing.id}/resume_deployment")


def _pool_changes(client: SyncPrefectClient, target: DeploymentTarget, build: Build) -> Iterator[Change]:
    """A missing work pool is created for processes; one that is there is used as it is."""
    name = work_pool(build)
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        pool = WorkPoolCreate(name=name, type=_PROCESS, description=_MADE.format(build.project.name))

        def create() -> None:
            with client_of(target) as writing:
                writing.create_work_pool(pool)

        yield Change("create", "work pool", name, "of processes", create)


def _limit_changes(client: SyncPrefectClient, target: DeploymentTarget, build: Build) -> list[Change]:
    """The limits of the pools; which of the server's are ours stands in a variable, for limits have no mark."""
    ours = set(json.loads(variable(client, LIMITS) or "[]"))
    limits = {limit.name: limit.limit for limit in all_of(client.read_global_concurrency_limits)}
    existing = {name: ServerPool(slots, name in ours) for name, slots in limits.items()}
    return pool_changes(build.pipeline.pools, existing, partial(_set_limit, target), place=target.url(), kind="limit")


def _set_limit(target: DeploymentTarget, pool: Pool, current: ServerPool | None) -> None:
    with client_of(target) as client:
        if current:
            client.update_global_concurrency_limit(pool.name, GlobalConcurrencyLimitUpdate(limit=pool.slots))
            return
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=pool.name, limit=pool.slots))
        ours = {pool.name, *json.loads(variable(client, LIMITS) or "[]")}
        set_variable(client, LIMITS, json.dumps(sorted(ours)))


def _automation_changes(client: SyncPrefectClient, target: DeploymentTarget, build: Build) -> Iterator[Change]:
    """The automation of the deadline is created if there is none of its name; its actions are the team's."""
    arguments = deadline_of(build)
    if arguments is None:
        return
    automation = deadline_automation(*arguments)
    if client.read_automations_by_name(automation.name):
        return

    def create() -> None:
        with client_of(target) as writing:
            writing.create_automation(automation)

    yield Change("create", "automation", automation.name, "shows late runs", create)
