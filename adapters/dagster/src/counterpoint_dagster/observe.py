"""Runs a request in this process or by GraphQL on the services, and reads the result from Dagster."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint.model import NativeRun, NativeStep, Status
from counterpoint.runtime import final_states, find_pipeline, iso, runnable
from counterpoint.service_environment import tags_of_target
from counterpoint_dagster.client import graphql
from counterpoint_dagster.groups import steps_of_groups
from counterpoint_dagster.keys import FIRST, FOLLOWS, PARTITION
from counterpoint_dagster.places import job_place
from counterpoint_dagster.runs import is_dead, states_of, tags_of
from counterpoint_dagster.waits import after_waiting, ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from counterpoint.model import Pipeline, RunRequest
    from counterpoint.target import Target

_LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } ... on PipelineNotFoundError { message } } }"""
_RUNS = """query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId status creationTime
  tags { key value } assetSelection { path } } } } }"""
# with Dagster's own attribute names for the statistics of a step
_STATS = """query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId stepStats {
  step_key: stepKey status start_time: startTime end_time: endTime attempts { startTime }
  materialization_events: materializations { __typename } } } } } }"""
_ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
# the statistics of successful runs, which do not change any more
_FINAL: dict[tuple[str, str], list[Any]] = {}
# of a run in this process, the command's own lines tell what happens; Dagster would print 15 lines a step beside them
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run(request: RunRequest, home: Path) -> NativeRun:
    """Materializes the selected assets in this process, then those that follow by their trigger rules."""
    import dagster as dg

    from counterpoint_dagster.translate import translate

    pipeline = find_pipeline(request.pipeline)
    job = translate(pipeline).resolve_job_def(pipeline.name)
    stats: dict[str, Any] = {}
    with dg.DagsterInstance.local_temp(str(home), overrides={"telemetry": {"enabled": False}}) as instance:
        steps: Sequence[str] = [name for name in pipeline.step_names if request.selects(name)]
        runs = []
        while steps:
            result = job.execute_in_process(
                instance=instance,
                run_config=_QUIET,
                partition_key=request.partition,
                asset_selection=[dg.AssetKey(name) for name in steps],
                tags=tags_of(request),
                raise_on_error=False,
            )
            runs.append(result)
            stats |= {s.step_key: s for s in instance.get_run_step_stats(result.run_id)}
            steps = after_waiting(pipeline, request, ended(request, states_of(stats.values(), pipeline, request)))
    native = _native(pipeline, request, runs[0].run_id, stats, states_of(stats.values(), pipeline, request))
    return replace(native, failed=not all(result.success for result in runs))


def _native(
    pipeline: Pipeline, request: RunRequest, native_id: str, stats: dict[str, Any], known: dict[str, Status]
) -> NativeRun:
    states = final_states(pipeline, request, known)
    grouped_steps = steps_of_groups(pipeline, request, stats.values())
    steps = {name: grouped_steps.get(name) or _step(state, stats.get(name)) for name, state in states.items()}
    times = [(s.start_time, s.end_time) for s in stats.values() if s.start_time and s.end_time]
    start, end = min((s for s, _ in times), default=None), max((e for _, e in times), default=None)
    return NativeRun(native_id, Status.FAILED in states.values(), iso(start), iso(end), steps)


def _step(state: Status, stat: Any) -> NativeStep:
    if stat is None or state not in {Status.SUCCESS, Status.FAILED}:
        return NativeStep(state, 0)
    tries = len(stat.attempts) if isinstance(stat.attempts, list) else stat.attempts or 1
    return NativeStep(state, max(tries, 1), iso(stat.start_time), iso(stat.end_time))


def page(target: Target, native_id: str | None = None) -> str:
    """The page of a run, or of the assets."""
    return f"{target.url()}/runs/{native_id}" if native_id else f"{target.url()}/asset-groups"


def submit(target: Target, request: RunRequest) -> str:
    """Launches a run of the pipeline's job for the request's partition and steps; returns Dagster's run id.

    Raises:
        ServiceError: Dagster rejected it.
    """
    from counterpoint_dagster.policies import execution

    pipeline = find_pipeline(request.pipeline)
    names = [name for name in pipeline.step_names if request.selects(name)]
    tags = {PARTITION: request.partition, **tags_of(request), **tags_of_target(target.id)}
    place = job_place(target, pipeline)
    selection = [{"path": place.paths[name]} for name in names]
    parameters = {
        "selector": {**place.selector, "pipelineName": pipeline.name, "assetSelection": selection},
        # the job of a team's own installation has its executor
        "runConfigData": execution(pipeline, names) if target.is_ours else {},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    answer = graphql(target, _LAUNCH, {"p": parameters})["launchPipelineExecution"]
    if answer["__typename"] != "LaunchRunSuccess":
        raise ServiceError(f"dagster did not launch {pipeline.name} of {request.partition}: {answer}")
    return str(answer["run"]["runId"])


def observe(target: Target, request: RunRequest, native_id: str) -> NativeRun | None:
    """The result of the run and its follow-up runs; None while a step is still to run."""
    pipeline = find_pipeline(request.pipeline)
    runs = runs_with(target, FOLLOWS, request.run_id) or _begun_there(target, native_id)
    if target.is_ours:
        return native_of(pipeline, request, native_id, runs)
    return native_of(pipeline, request, native_id, _by_step(runs, job_place(target, pipeline).ops))


def _begun_there(target: Target, native_id: str) -> list[dict[str, Any]]:
    """A run that a team's server began by itself, with its follow-up runs."""
    if target.is_ours:
        return []
    return [*_runs(target, {"runIds": [native_id]}), *runs_with(target, FIRST, native_id)]


def _by_step(runs: Sequence[dict[str, Any]], ops: Mapping[str, str]) -> list[dict[str, Any]]:
    """Runs whose statistics have the names of steps in place of those of ops."""
    renamed = []
    for run in runs:
        stats = [{**stat, "step_key": ops.get(stat["step_key"], stat["step_key"])} for stat in run["stepStats"]]
        renamed.append({**run, "stepStats": stats})
    return renamed


def runs_with(target: Target, tag: str, value: str) -> list[dict[str, Any]]:
    """The runs that have a tag, oldest first; runs that have ended include the statistics of their steps.

    The statistics cost the webserver far more than anything else, so each successful run's are read once.
    """
    return _runs(target, {"tags": [{"key": tag, "value": value}]})


def _runs(target: Target, wanted_runs: dict[str, Any]) -> list[dict[str, Any]]:
    runs = graphql(target, _RUNS, {"f": wanted_runs})["runsOrError"]["results"]
    states, server = {run["runId"]: run["status"] for run in runs}, target.url()
    wanted = [run_id for run_id, status in states.items() if status in _ENDED and (server, run_id) not in _FINAL]
    stats: dict[str, list[Any]] = {}
    if wanted:
        ended_runs = graphql(target, _STATS, {"f": {"runIds": wanted}})["runsOrError"]["results"]
        stats = {run["runId"]: run["stepStats"] for run in ended_runs}
        _FINAL.update({(server, run_id): stats[run_id] for run_id in stats if states[run_id] == "SUCCESS"})
    rows = [{**run, "stepStats": stats.get(run["runId"]) or _FINAL.get((server, run["runId"]), [])} for run in runs]
    return sorted(rows, key=lambda run: run["creationTime"])


def native_of(
    pipeline: Pipeline, request: RunRequest, native_id: str, runs: Sequence[dict[str, Any]]
) -> NativeRun | None:
    """The result of a run and its follow-up runs; None while a step is still to run."""
    if not runs or any(run["status"] not in _ENDED for run in runs):
        return None
    stats = {s["step_key"]: SimpleNamespace(**s) for run in runs for s in run["stepStats"]}
    states = ended(request, states_of(stats.values(), pipeline, request))
    failed = any(run["status"] != "SUCCESS" for run in runs)
    todo = runnable(pipeline, request, states)
    if todo and not is_dead(states, failed=failed):
        return None
    return replace(
        _native(pipeline, request, native_id, stats, states | dict.fromkeys(todo, Status.FAILED)), failed=failed
    )
