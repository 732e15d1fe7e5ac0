"""Translates a pipeline to a Prefect flow with a task per step, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prefect import Flow, Task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.task_runners import ThreadPoolTaskRunner

from counterpoint.model import RunRequest, Status, grouped, groups_of, order, task_of
from counterpoint.model.serial import pipeline_from, step_from, to_values
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.adapter_support import PARALLEL
from counterpoint.runtime.external import check_external, sources_of
from counterpoint.runtime.registry import name_of
from counterpoint_prefect.artifacts import asset_of
from counterpoint_prefect.conditions import status_of
from counterpoint_prefect.containers import job_variables
from counterpoint_prefect.keys import ASSET, METADATA_KEY
from counterpoint_prefect.partitions import request_of
from counterpoint_prefect.policies import labels_of, owner_of, pool_in, pool_of, retries, retry_of, tags
from counterpoint_prefect.runs import Run, run_steps
from counterpoint_prefect.step import body

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from prefect.context import TaskRunContext

    from counterpoint.model import Pipeline, Step, Wait


# how many tasks of a flow run are executed side by side
WORKERS = max(PARALLEL, 2)


def translate(pipeline: Pipeline, served: str | None = None) -> Flow[..., Any]:
    """The flow of a pipeline, which its runs find as `served` (None: by its own name).

    The flow's attribute `tasks` holds the tasks, `edges` the upstream tasks of each, `job_variables` those of the
    deployment.

    Raises:
        UsageError: An input from another pipeline cannot be read.
    """
    check_external(pipeline)
    native = grouped(pipeline)
    tasks = {step.name: _task(pipeline, step) for step in native.steps}
    edges = {step.name: step.upstream for step in native.steps}

    def submit(run: Run) -> None:
        for name in order(native):
            add = run.map if native.step(name).map_over else run.submit
            add(tasks[name], upstream=[tasks[other] for other in edges[name]])

    def run(date: str | None = None, request: str | None = None) -> Any:
        return run_steps(request_of(served or pipeline.name, date, request), submit)

    flow: Flow[..., Any] = Flow(
        run,
        name=pipeline.name,
        description=pipeline.description,
        flow_run_name=run_name,
        task_runner=ThreadPoolTaskRunner(max_workers=WORKERS),
    )
    flow.__dict__.update({"tasks": tasks, "edges": edges, "job_variables": job_variables(pipeline)})
    flow.__dict__[METADATA_KEY] = to_values(pipeline)
    return flow


def run_name() -> str:
    """The name of the flow run that Prefect is starting: that of the request, else its date."""
    from prefect.runtime import flow_run

    parameters = flow_run.parameters
    if parameters.get("request"):
        return RunRequest.from_json(parameters["request"]).run_id
    return str(parameters.get("date") or "scheduled")


def _task(pipeline: Pipeline, step: Step) -> Task[..., Any]:
    task = step_task(step.name, native_of(pipeline, step), step.timeout)
    members = groups_of(pipeline).get(step.name)
    described = [pipeline.step(name) for name in members] if members else pipeline.step(step.name)
    task.__dict__[METADATA_KEY] = to_values(described)
    return task


def native_of(pipeline: Pipeline, step: Step) -> dict[str, Any]:
    """The arguments of a step's task in Prefect's own terms."""
    sources = [asset_of(other, str(wait.step)) for wait, other in sources_of(pipeline, step)]
    return {
        "description": step.description or None,
        "task_run_name": f"{step.name}[{{index}}]" if step.map_over else step.name,
        "tags": tags(step),
        "asset_deps": list(dict.fromkeys(sources)),
        **retries(step),
    }


def step_task(name: str, native: Mapping[str, Any], timeout: timedelta | None) -> Task[..., Any]:
    """The task of a step.

    Args:
        name: The step.
        native: As from `native_of`.
        timeout: After which the process of the step is ended.
    """
    return Task(
        body(name, timeout, pool_in(native.get("tags", ()))),
        name=name,
        persist_result=True,
        result_serializer="json",
        # the key holds run, task and element: by inputs alone, two tasks could share a result
        cache_policy=CacheKeyFnPolicy(cache_key_fn=_identity),
        **{"task_run_name": name, **native},
    )


def _identity(context: TaskRunContext, parameters: Mapping[str, Any]) -> str | None:
    """The key of a task's result in its flow run; None for a result that does not hold when the run is run again.

    Prefect would show a task that was skipped, or whose upstream task failed, as completed the next time.
    """
    request = RunRequest.from_json(parameters["request"])
    step, upstream = grouped(find_pipeline(request.pipeline)).step(context.task.name), parameters["upstream"]
    if step.when or any(status_of(result) is not Status.SUCCESS for result in upstream.values()):
        return None
    return f"{request.run_id}-{step.name}-{parameters['index']}"


def read_back(native: Flow[..., Any]) -> Pipeline:
    """The pipeline that a flow describes, read from native properties wherever Prefect has them."""
    stored = pipeline_from(native.__dict__[METADATA_KEY])
    tasks, edges = native.__dict__["tasks"], native.__dict__["edges"]
    by_step = {step.name: task_of(step) for step in stored.steps}
    steps = tuple(_step(tasks[task], name, edges[task], by_step) for name, task in by_step.items() if task in tasks)
    return replace(stored, name=native.name, description=native.description or "", steps=steps)


def _asset(wait: Wait) -> str:
    return f"{ASSET}{name_of(wait.target)}/{wait.step}"


def _step(task: Task[..., Any], name: str, edges: tuple[str, ...], tasks: Mapping[str, str]) -> Step:
    """The step of a task, or one of a group; an edge that is missing in the flow is missing in the step too.

    Args:
        task: The task.
        name: The step.
        edges: The tasks that it waits for.
        tasks: The task of each step.
    """
    described = task.__dict__[METADATA_KEY]
    if isinstance(described, list):
        described = next(values for values in described if values["name"] == name)
    stored = step_from(described)
    before = {step for step, other in tasks.items() if other in edges or other == stored.group == task.name}
    assets = {asset.key for asset in task.asset_deps}
    step = replace(
        stored,
        inputs=tuple(i for i in stored.inputs if i.step in before or (i.window and i.window.last < 0)),
        after=tuple(other for other in stored.after if other in before),
        when=stored.when if stored.when and stored.when.step in before else None,
        pool=pool_of(task),
        owner=owner_of(task),
    )
    if stored.group:
        return replace(step, group=task.name)
    return replace(
        step,
        name=task.name,
        retry=retry_of(task, stored.retry),
        tags=labels_of(task),
        waits=tuple(wait for wait in stored.waits if not wait.parameter or _asset(wait) in assets),
        description=task.description or "",
    )
