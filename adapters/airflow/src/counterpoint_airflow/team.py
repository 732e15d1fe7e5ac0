"""A team's own Airflow: what a deployment has to change there, and which runs it has."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from counterpoint.commands import command
from counterpoint.deployment import Change, Deployment, ServerPool, pool_changes
from counterpoint.errors import ServiceError, UnansweredError, UsageError
from counterpoint.model import RunRequest
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.structure import structure_of
from counterpoint_airflow.client import call, change, rows_of
from counterpoint_airflow.keys import MADE, REQUEST
from counterpoint_airflow.loaded_file import LoadedFile, differences

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.build.order import Build
    from counterpoint.model import Pipeline, Pool
    from counterpoint.target import DeploymentTarget

_MISSING = 404
_OLDEST = 3


def server_version(target: DeploymentTarget) -> str:
    """The version of a team's Airflow.

    Raises:
        ServiceError: it does not answer or refuses; or it is older than 3.
    """
    try:
        version = str(call(target, "/version")["version"])
    except UnansweredError:
        raise
    except (ServiceError, KeyError, TypeError) as error:
        if getattr(error, "status", _MISSING) != _MISSING:
            raise
        raise ServiceError(
            f"{target.url()} has no REST API v2: it is no Airflow, or one before 3.0, which must be upgraded"
        ) from None
    if int(version.partition(".")[0]) < _OLDEST:
        raise ServiceError(f"{target.url()} is Airflow {version}: upgrade it to 3.0 or later")
    # that route lets everybody in
    call(target, "/dags?limit=1")
    return version


def deployment(target: DeploymentTarget, build: Build, files: Path | None = None) -> Deployment:  # noqa: ARG001
    """The pools and the schedule to change, and what the DAG bundle lacks, which no API can add.

    Raises:
        UsageError: a DAG or a pool of the same name was not made by Counterpoint.
    """
    pools = _pool_changes(target, build.pipeline)
    by_hand = _by_hand(target, build)
    if by_hand:
        return Deployment(pools, by_hand)
    return Deployment([*pools, *_schedule_changes(target, build.pipeline)])


def _pool_changes(target: DeploymentTarget, pipeline: Pipeline) -> list[Change]:
    declared = {pool.name for pool in pipeline.pools}
    rows = [row for row in rows_of(target, "/pools", "pools") if row["name"] in declared] if declared else []
    existing = {row["name"]: ServerPool(row["slots"], (row["description"] or "").startswith(MADE)) for row in rows}
    set_slots = partial(_set_slots, target, pipeline.name)
    return pool_changes(pipeline.pools, existing, set_slots, place=target.url())


def _set_slots(target: DeploymentTarget, pipeline: str, pool: Pool, current: ServerPool | None) -> None:
    slots = {"slots": pool.slots, "include_deferred": False}
    if current:
        # the whole pool is checked, and the slots alone are set
        change(target, f"/pools/{quote(pool.name, safe='')}?update_mask=slots", {**slots, "pool": pool.name})
        return
    call(target, "/pools", {**slots, "name": pool.name, "description": f"{MADE} {pipeline}"})


def _by_hand(target: DeploymentTarget, build: Build) -> list[str]:
    name, loaded = build.pipeline.name, _loaded(target, build.pipeline)
    path = f"dags/{name}.py"
    if (loaded is None or loaded.is_broken) and (errors := _import_errors(target, f"{name}.py")):
        return [f"{path} cannot be imported on {target.url()}: {errors}"]
    if loaded is None:
        return [f"{path} is not loaded on {target.url()}: copy it into the DAG bundle; 'build' writes it"]
    from counterpoint_airflow.dag_file import dag_file

    other = differences(loaded, LoadedFile(dag_file(build)))
    return [f"{path} on {target.url()} is another one ({other}): copy what 'build' writes now"] if other else []


def _loaded(target: DeploymentTarget, pipeline: Pipeline) -> LoadedFile | None:
    """The DAG file of a pipeline as the server has loaded it; None where there is none.

    Raises:
        UsageError: the DAG of that name was not built by Counterpoint.
    """
    dag = _answer_or_none(target, f"/dags/{pipeline.name}")
    if dag is None or dag.get("is_stale"):
        return None
    source = _answer_or_none(target, f"/dagSources/{pipeline.name}") or {}
    file = LoadedFile(str(source.get("content") or ""), is_broken=bool(dag.get("has_import_errors")))
    if file.structure is None:
        raise UsageError(
            f"the DAG {pipeline.name} on {target.url()} was not built by Counterpoint, or its code may not be read:"
            " give the pipeline another name, or the token the permission to read the code of the DAG"
        )
    return file


def _import_errors(target: DeploymentTarget, name: str) -> str:
    rows = rows_of(target, "/importErrors", "import_errors")
    files = [row for row in rows if row["filename"].rpartition("/")[2] == name]
    return files[0]["stack_trace"].strip().splitlines()[-1] if files else ""


def _answer_or_none(target: DeploymentTarget, path: str) -> Any:
    """The answer; None where there is no such thing."""
    try:
        return call(target, path)
    except ServiceError as error:
        if error.status == _MISSING:
            return None
        raise


def _schedule_changes(target: DeploymentTarget, pipeline: Pipeline) -> list[Change]:
    """A DAG that is paused starts no run at all."""
    if not call(target, f"/dags/{pipeline.name}")["is_paused"]:
        return []
    path = f"/dags/{pipeline.name}?update_mask=is_paused"
    return [
        Change("change", "schedule", pipeline.name, "paused -> on", lambda: change(target, path, {"is_paused": False}))
    ]


def admit_deployed(target: DeploymentTarget, pipeline: str) -> None:
    """Refuses a pipeline whose DAG is not loaded, of another structure, or paused, or whose pools are missing.

    Raises:
        ServiceError: names the DAG and the fix.
    """
    described = find_pipeline(pipeline)
    name, deploy = described.name, command("deploy", pipeline, "--yes", "--env", target.env, root=None)
    loaded = _loaded(target, described)
    if loaded is None:
        raise ServiceError(f"{target.url()} has not loaded the DAG {name}: see what is missing with '{deploy}'")
    if loaded.structure != structure_of(described):
        raise ServiceError(
            f"the DAG {name} on {target.url()} is of structure {loaded.structure}, and the pipeline here of"
            f" {structure_of(described)}: run 'build', and deploy its files and its image together"
        )
    missing = [
        pool.name for pool in described.pools if _answer_or_none(target, f"/pools/{quote(pool.name, safe='')}") is None
    ]
    if missing:
        raise ServiceError(
            f"{target.url()} has no pool {', '.join(missing)}, for which its tasks would wait: make it with '{deploy}'"
        )
    if call(target, f"/dags/{name}")["is_paused"]:
        raise ServiceError(f"the DAG {name} on {target.url()} is paused and starts no run: unpause it, or '{deploy}'")


def partition_of(target: DeploymentTarget, pipeline: Pipeline, native_id: str) -> str | None:
    """The partition of a DAG run of the pipeline; None if there is no such run."""
    from counterpoint_airflow.partitions import key_of

    run = _answer_or_none(target, f"/dags/{pipeline.name}/dagRuns/{quote(native_id.rpartition('::')[2], safe='')}")
    if run is None:
        return None
    if requested := (run["conf"] or {}).get(REQUEST):
        return RunRequest.from_json(requested).partition
    moments = ("data_interval_start", "data_interval_end", "logical_date", "run_after")
    times = {name: _moment(run.get(name)) for name in moments}
    return key_of(pipeline.partitions, SimpleNamespace(**{**run, **times}))


def _moment(text: str | None) -> Any:
    return datetime.fromisoformat(text) if text else None
