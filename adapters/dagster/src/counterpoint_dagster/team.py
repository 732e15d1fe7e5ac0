"""A team's own Dagster: what a deployment has to change there, and which runs it has."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from counterpoint.commands import command
from counterpoint.deployment import Change, Deployment, ServerPool, pool_changes
from counterpoint.errors import ServiceError, UsageError
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.structure import structure_of
from counterpoint_dagster.client import graphql
from counterpoint_dagster.keys import PARTITION
from counterpoint_dagster.places import JobPlace, find_job, load_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from counterpoint.build.order import Build
    from counterpoint.model import Pipeline, Pool
    from counterpoint.target import DeploymentTarget

log = logging.getLogger(__name__)
_LIMIT = "query($k: String!) { instance { concurrencyLimit(concurrencyKey: $k) { limit usingDefaultLimit } } }"
_SET = "mutation($k: String!, $n: Int!) { setConcurrencyLimit(concurrencyKey: $k, limit: $n) }"
_RESULT = "{ __typename ... on PythonError { message } ... on UnauthorizedError { message } }"
_START = f"mutation($s: ScheduleSelector!) {{ result: startSchedule(scheduleSelector: $s) {_RESULT} }}"
_RELOAD = f"mutation($n: String!) {{ result: reloadRepositoryLocation(repositoryLocationName: $n) {_RESULT} }}"
_RUN = """query($i: ID!) { runOrError(runId: $i) { ... on Run {
  pipelineName tags { key value } assets { key { path } } } } }"""
_RUNNING = "RUNNING"


def server_version(target: DeploymentTarget) -> str:
    """The version of a team's Dagster.

    Raises:
        ServiceError: it does not answer, refuses, or has no GraphQL API of Dagster.
    """
    version = graphql(target, "{ version }", {}).get("version")
    if not version:
        raise ServiceError(f"{target.url()} has no GraphQL API of Dagster: correct the address")
    return str(version)


def deployment(target: DeploymentTarget, build: Build, files: Path | None = None) -> Deployment:  # noqa: ARG001
    """The limits and the schedule to change, the code location to load again, or what a person has to add.

    Raises:
        UsageError: a job or a limit of the same name was not made by Counterpoint.
    """
    pipeline, place = build.pipeline, find_job(target, build.pipeline)
    limits = _limit_changes(target, pipeline)
    if place is None:
        return Deployment(*_missing(target, pipeline, limits))
    _refuse_foreign(target, pipeline, place)
    if other := _differences(place, pipeline):
        reload = Change("reload", "code location", place.location, other, partial(_reload, target, place.location))
        return Deployment([*limits, reload])
    return Deployment([*limits, *_schedule_changes(target, pipeline, place)])


def _missing(target: DeploymentTarget, pipeline: Pipeline, limits: list[Change]) -> tuple[list[Change], list[str]]:
    """The plan where no location that is loaded has the job: one that failed may have it when it is loaded again."""
    failed = [(name, error) for name, error in load_errors(target) if pipeline.name in f"{name} {error}"]
    reloads = [Change("reload", "code location", name, error, partial(_reload, target, name)) for name, error in failed]
    add = f"no code location of {target.url()} has the job {pipeline.name}: add `workspace.yaml` of 'build' to it"
    return [*limits, *reloads], [] if failed else [add]


def _refuse_foreign(target: DeploymentTarget, pipeline: Pipeline, place: JobPlace) -> None:
    if place.structure is None:
        raise UsageError(
            f"the job {pipeline.name} in the code location {place.location} of {target.url()} was not built by"
            " Counterpoint: give the pipeline another name; or if an earlier release built it, build it again"
        )


def _differences(place: JobPlace, pipeline: Pipeline) -> str:
    """What the code location has otherwise than the pipeline here."""
    if place.structure != structure_of(pipeline):
        return f"structure {place.structure}, here {structure_of(pipeline)}: bring the files and the package first"
    wanted = (pipeline.schedule.cron, pipeline.schedule.timezone) if pipeline.schedule else None
    stated = place.schedule
    current = (stated["cronSchedule"], stated["executionTimezone"] or "UTC") if stated else None
    return f"schedule {current}, here {wanted}: bring the files and the package first" if current != wanted else ""


def _schedule_changes(target: DeploymentTarget, pipeline: Pipeline, place: JobPlace) -> Iterator[Change]:
    if place.schedule is not None and place.schedule["scheduleState"]["status"] != _RUNNING:
        selector = {**place.selector, "scheduleName": place.schedule["name"]}
        start = partial(_done, target, _START, {"s": selector})
        yield Change("change", "schedule", pipeline.name, "stopped -> on", start)


def _reload(target: DeploymentTarget, location: str) -> None:
    _done(target, _RELOAD, {"n": location})


def _done(target: DeploymentTarget, mutation: str, variables: dict[str, Any]) -> None:
    """Makes a change.

    Raises:
        ServiceError: Dagster refused it.
    """
    result = graphql(target, mutation, variables)["result"]
    if result.get("message") or result["__typename"].endswith(("Error", "NotFound", "NotSupported")):
        raise ServiceError(f"{target.url()} refused: {result['__typename']}: {result.get('message', '')}")


def _limit_changes(target: DeploymentTarget, pipeline: Pipeline) -> list[Change]:
    """The limits of the pools; Dagster keeps no mark of who set one, so that one which is set stays."""
    existing = {}
    for pool in pipeline.pools:
        row = graphql(target, _LIMIT, {"k": pool.name})["instance"]["concurrencyLimit"]
        if row["limit"] is not None and not row["usingDefaultLimit"]:
            existing[pool.name] = ServerPool(row["limit"], ours=False)
    return pool_changes(pipeline.pools, existing, partial(_set_limit, target), place=target.url(), kind="limit")


def _set_limit(target: DeploymentTarget, pool: Pool, current: ServerPool | None) -> None:  # noqa: ARG001 - never there
    graphql(target, _SET, {"k": pool.name, "n": pool.slots})


def admit_deployed(target: DeploymentTarget, pipeline: str) -> None:
    """Refuses a pipeline that no code location has, or that one has with another structure.

    Raises:
        ServiceError: names the job and the fix.
    """
    described, deploy = find_pipeline(pipeline), command("deploy", pipeline, "--env", target.env, root=None)
    place = find_job(target, described)
    if place is None:
        errors = "".join(f"; {name} is not loaded: {error}" for name, error in load_errors(target))
        raise ServiceError(
            f"no code location of {target.url()} has the job {described.name}{errors}: see what is missing with"
            f" '{deploy}'"
        )
    if place.structure != structure_of(described):
        raise ServiceError(
            f"the job {described.name} in the code location {place.location} of {target.url()} is of structure"
            f" {place.structure}, and the pipeline here of {structure_of(described)}: run 'build', deploy its files and"
            f" the package together, and load the location again with '{deploy}'"
        )
    _warn_of_limits(target, described, deploy)


def _warn_of_limits(target: DeploymentTarget, pipeline: Pipeline, deploy: str) -> None:
    """A pool without a limit limits nothing, and no run fails or waits for it."""
    for change in _limit_changes(target, pipeline):
        log.warning("pool %s has no limit on %s: '%s --yes' sets it", change.name, target.url(), deploy)


def partition_of(target: DeploymentTarget, pipeline: Pipeline, native_id: str) -> str | None:
    """The partition of a run of the pipeline; None if there is no such run."""
    run = graphql(target, _RUN, {"i": native_id})["runOrError"]
    tags = {tag["key"]: tag["value"] for tag in run.get("tags", ())}
    place = find_job(target, pipeline) if tags else None
    if place is None:
        return None
    keys = [asset["key"]["path"] for asset in run["assets"]]
    is_of = run["pipelineName"] == pipeline.name or any(key in keys for key in place.paths.values())
    return tags.get(PARTITION) if is_of else None
