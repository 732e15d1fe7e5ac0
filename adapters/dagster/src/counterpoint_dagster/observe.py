"""Runs: in this process, or on the services by GraphQL; and how Dagster says that they went."""

from __future__ import annotations

import json
import os
import urllib.request
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint.model import ErrorInfo, NativeRun, NativeStep, Status
from counterpoint.running import find_pipeline, runnable, settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from counterpoint.adapter import Site
    from counterpoint.model import Pipeline, RunRequest

LOCATION = "counterpoint_dagster.definitions"

_LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } ... on PipelineNotFoundError { message } } }"""
_RUNS = """query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId status creationTime
  startTime endTime stepStats { stepKey status startTime endTime attempts { startTime }
  materializations { __typename } } } } } }"""
_ERROR = """query($id: ID!) { logsForRun(runId: $id, limit: 10000) { ... on EventConnection { events {
  ... on ExecutionStepFailureEvent { stepKey error { className message errorChain { error {
  className message } } } } } } } }"""


def run_in_process(request: RunRequest, home: Path) -> NativeRun:
    """Materializes the selected assets in this process, then those that follow by their trigger rules."""
    import dagster as dg

    from counterpoint_dagster.conditions import tags_of
    from counterpoint_dagster.translate import definitions_of

    os.environ["DAGSTER_HOME"] = str(home)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    pipeline = find_pipeline(request.pipeline)
    job = definitions_of(pipeline).resolve_job_def(pipeline.name)
    stats: dict[str, Any] = {}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        steps: Sequence[str] = [name for name in pipeline.step_names if request.selects(name)]
        runs = []
        while steps:
            result = job.execute_in_process(
                instance=instance,
                partition_key=request.partition,
                asset_selection=[dg.AssetKey(name) for name in steps],
                tags=tags_of(request),
                raise_on_error=False,
            )
            runs.append(result.run_id)
            stats |= {s.step_key: plain(s) for s in instance.get_run_step_stats(result.run_id)}
            steps = runnable(pipeline, request, states_of(stats.values(), pipeline))
    return _native(pipeline, request, runs[0], stats)


def plain(stat: Any) -> SimpleNamespace:
    """A step's statistics as GraphQL would tell them."""
    return SimpleNamespace(
        stepKey=stat.step_key,
        status=stat.status.value if stat.status else None,
        startTime=stat.start_time,
        endTime=stat.end_time,
        attempts=[None] * (stat.attempts or 1),
        materializations=stat.materialization_events,
    )


def states_of(stats: Iterable[Any], pipeline: Pipeline) -> dict[str, Status]:
    """How steps ended. What Dagster skipped has not ended: core decides what becomes of it."""
    found: dict[str, Status] = {}
    for stat in stats:
        if stat.stepKey not in pipeline.step_names:
            continue
        if stat.status == "SUCCESS":
            found[stat.stepKey] = Status.SUCCESS if stat.materializations else Status.SKIPPED
        elif stat.status == "FAILURE":
            found[stat.stepKey] = Status.FAILED
    return found


def _native(pipeline: Pipeline, request: RunRequest, native_id: str, stats: dict[str, Any]) -> NativeRun:
    states = settled(pipeline, request, states_of(stats.values(), pipeline))
    steps = {name: _step(state, stats.get(name)) for name, state in states.items()}
    times = [(s.startTime, s.endTime) for s in stats.values() if s.startTime and s.endTime]
    begun, ended = min((b for b, _ in times), default=None), max((e for _, e in times), default=None)
    failed = Status.FAILED in states.values()
    return NativeRun(native_id, failed, _iso(begun), _iso(ended), steps)


def _step(state: Status, stat: Any) -> NativeStep:
    if stat is None or state not in {Status.SUCCESS, Status.FAILED}:
        return NativeStep(state, 0)
    return NativeStep(state, max(len(stat.attempts), 1), _iso(stat.startTime), _iso(stat.endTime))


def _iso(stamp: float | None) -> str | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC).isoformat()


def graphql(site: Site, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """What the webserver answers to a query.

    Raises:
        ServiceError: it does not answer, or refuses the query.
    """
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{site.url()}/graphql", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            values = json.load(answer)
    except OSError as error:
        raise ServiceError(f"dagster's webserver at {site.url()} does not answer: {error}") from error
    if values.get("errors"):
        raise ServiceError(f"dagster refused a query: {values['errors'][0]['message']}")
    found: dict[str, Any] = values["data"]
    return found


def submit(site: Site, request: RunRequest) -> str:
    """Launches a run of the pipeline's job for the request's partition and steps; returns Dagster's run id.

    Raises:
        ServiceError: Dagster did not take it.
    """
    from counterpoint_dagster.conditions import tags_of

    pipeline = find_pipeline(request.pipeline)
    names = [name for name in pipeline.step_names if request.selects(name)]
    checks = [n for n in names if pipeline.step(n).output.contract]
    tags = {"dagster/partition": request.partition, **tags_of(request)}
    parameters = {
        "selector": {
            "repositoryLocationName": LOCATION,
            "repositoryName": "__repository__",
            "pipelineName": pipeline.name,
            "assetSelection": [{"path": [name]} for name in names],
            "assetCheckSelection": [{"assetKey": {"path": [n]}, "name": "contract"} for n in checks],
        },
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    answer = graphql(site, _LAUNCH, {"p": parameters})["launchPipelineExecution"]
    if answer["__typename"] != "LaunchRunSuccess":
        raise ServiceError(f"dagster did not launch {pipeline.name} of {request.partition}: {answer}")
    return str(answer["run"]["runId"])


def observe(site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
    """How the run and those that follow it went; None while something of it is still to come."""
    from counterpoint_dagster.conditions import FOLLOWS

    wanted = {"f": {"tags": [{"key": FOLLOWS, "value": request.run_id}]}}
    runs = graphql(site, _RUNS, wanted)["runsOrError"]["results"]
    if not runs or any(run["status"] not in {"SUCCESS", "FAILURE", "CANCELED"} for run in runs):
        return None
    pipeline = find_pipeline(request.pipeline)
    ordered = sorted(runs, key=lambda run: run["creationTime"])
    stats = {s["stepKey"]: SimpleNamespace(**s) for run in ordered for s in run["stepStats"]}
    states = states_of(stats.values(), pipeline)
    cancelled = any(run["status"] == "CANCELED" for run in runs)
    if not cancelled and states and runnable(pipeline, request, states):
        return None
    native = _native(pipeline, request, native_id, stats)
    return _explained(site, native, ordered)


def _explained(site: Site, native: NativeRun, runs: Sequence[dict[str, Any]]) -> NativeRun:
    """The same with Dagster's own errors, and failed when a run failed before it had steps."""
    from dataclasses import replace

    failed = {name for name, step in native.steps.items() if step.status is Status.FAILED}
    if not failed:
        return replace(native, failed=native.failed or any(run["status"] != "SUCCESS" for run in runs))
    found: dict[str, ErrorInfo] = {}
    for run in runs:
        events = graphql(site, _ERROR, {"id": run["runId"]})["logsForRun"].get("events", ())
        for event in events:
            if event.get("error"):
                found[event["stepKey"]] = _cause(event["error"])
    steps = {n: replace(s, error=found.get(n)) if n in failed else s for n, s in native.steps.items()}
    return replace(native, steps=steps)


def _cause(error: dict[str, Any]) -> ErrorInfo:
    """The innermost error: Dagster wraps the cause in its own."""
    chain = [link["error"] for link in error.get("errorChain") or ()]
    innermost = chain[-1] if chain else error
    return ErrorInfo(innermost.get("className") or "Error", str(innermost["message"]).strip())
