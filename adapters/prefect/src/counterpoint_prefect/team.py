"""A team's own Prefect: what a deployment has to change there, and which runs it has."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.exceptions import ObjectNotFound

from counterpoint.commands import command
from counterpoint.errors import ServiceError, UnansweredError
from counterpoint.model import RunRequest
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.structure import structure_of
from counterpoint_prefect.client import client_of, deployment_of
from counterpoint_prefect.keys import STRUCTURE
from counterpoint_prefect.partitions import newest_key
from counterpoint_prefect.planned import planned, read_deployment

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.build.order import Build
    from counterpoint.deployment import Deployment
    from counterpoint.model import Pipeline
    from counterpoint.target import DeploymentTarget

_OLDEST, _MISSING = 3, 404
# what Prefect Cloud, which has no number of a version, is called
_HOSTED = "cloud"


def server_version(target: DeploymentTarget) -> str:
    """The version of a team's Prefect.

    Raises:
        ServiceError: it does not answer or refuses; or it is older than 3.
    """
    try:
        with client_of(target) as client:
            version = str(client.request("GET", "/admin/version").json())
            client.request("POST", "/deployments/filter", json={"limit": 1})
    except UnansweredError:
        raise
    except (ServiceError, ValueError) as error:
        if getattr(error, "status", _MISSING) != _MISSING:
            raise
        return _hosted_version(target)
    if version.partition(".")[0].isdecimal() and int(version.partition(".")[0]) < _OLDEST:
        raise ServiceError(f"{target.url()} is Prefect {version}: upgrade it to 3.0 or later")
    return version


def _hosted_version(target: DeploymentTarget) -> str:
    """What a server without a number is called, if it is a Prefect at all."""
    try:
        with client_of(target) as client:
            client.request("POST", "/deployments/filter", json={"limit": 1})
    except ServiceError as error:
        if error.status != _MISSING:
            raise
        raise ServiceError(f"{target.url()} has no API of Prefect 3: it is no Prefect, or url lacks its path") from None
    return _HOSTED


def deployment(target: DeploymentTarget, build: Build, files: Path | None = None) -> Deployment:
    """The limits, the work pool, the deployment and the schedule to change.

    Raises:
        UsageError: a limit or a deployment of the same name was not made by Counterpoint.
    """
    with client_of(target) as client:
        return planned(client, target, build, files)


def admit_deployed(target: DeploymentTarget, pipeline: str) -> None:
    """Refuses a pipeline that has no deployment, or one of another structure, or whose limits are missing.

    Raises:
        ServiceError: names the deployment and the fix.
    """
    described, deploy = find_pipeline(pipeline), command("deploy", pipeline, "--env", target.env, root=None)
    name, mark = f"{described.name}/{deployment_of(target)}", f"{STRUCTURE}{structure_of(described)}"
    with client_of(target) as client:
        existing = read_deployment(client, target, described.name)
        if existing is None:
            raise ServiceError(f"{target.url()} has no deployment {name}: see what is missing with '{deploy}'")
        if mark not in existing.tags:
            raise ServiceError(
                f"the deployment {name} on {target.url()} is of another structure than the pipeline here ({mark} is not"
                f" among its tags): run 'build', bring the files to the workers, and '{deploy}'"
            )
        missing = []
        for pool in described.pools:
            try:
                client.read_global_concurrency_limit_by_name(pool.name)
            except ObjectNotFound:
                missing.append(pool.name)
    if missing:
        raise ServiceError(
            f"{target.url()} has no limit {', '.join(missing)}, without which steps fail: make it with '{deploy} --yes'"
        )


def partition_of(target: DeploymentTarget, pipeline: Pipeline, native_id: str) -> str | None:
    """The partition of a flow run of the pipeline; None if there is no such run."""
    try:
        wanted = UUID(native_id)
    except ValueError:
        return None
    with client_of(target) as client, suppress(ObjectNotFound):
        run = client.read_flow_run(wanted)
        if client.read_flow(run.flow_id).name != pipeline.name:
            return None
        if requested := run.parameters.get("request"):
            return RunRequest.from_json(requested).partition
        if date := run.parameters.get("date"):
            return str(date)
        moment = run.expected_start_time or run.created
        return newest_key(pipeline, moment, scheduled=run.auto_scheduled) if moment else None
    return None
