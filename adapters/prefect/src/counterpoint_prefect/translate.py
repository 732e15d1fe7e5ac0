"""Translates a pipeline to a Prefect flow with a task per step, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prefect import Flow, Task, allow_failure, unmapped
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from counterpoint.model import RunRequest, order
from counterpoint.model.serial import pipeline_from, step_from, to_values
from counterpoint.runtime import elements
from counterpoint.runtime.adapter_support import PARALLEL
from counterpoint_prefect.conditions import references_of
from counterpoint_prefect.keys import METADATA_KEY
from counterpoint_prefect.partitions import request_of
from counterpoint_prefect.policies import pool_of, retries, retry_of, tags
from counterpoint_prefect.step import body
from counterpoint_prefect.waits import until_nothing_waits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.context import TaskRunContext

    from counterpoint.model import Pipeline, Step


def translate(pipeline: Pipeline, served: str | None = None) -> Flow[..., Any]:
    """The flow of a pipeline, which its runs find as `served` (None: by its own name).

    The flow's attribute `tasks` holds the tasks, `edges` the upstream tasks of each.
    """
    tasks = {step.name: _task(step) for step in pipeline.steps}
    edges = {step.name: step.upstream for step in pipeline.steps}

    def run(date: str | None = None, request: str | None = None) -> Any:
        run_request = request_of(served or pipeline.name, date, request)
        return until_nothing_waits(run_request, lambda before: _run(pipeline, tasks, edges, run_request, before))

    flow: Flow[..., Any] = Flow(
        run,
        name=pipeline.name,
        description=pipeline.description,
        flow_run_name=_run_name,
        task_runner=ThreadPoolTaskRunner(max_workers=max(PARALLEL, 2)),
    )
    values = to_values(pipeline)
    flow.__dict__.update({"tasks": tasks, "edges": edges, METADATA_KEY: values})
    return flow


def _run_name() -> str:
    from prefect.runtime import flow_run

    parameters = flow_run.parameters
    if parameters.get("request"):
        return RunRequest.from_json(parameters["request"]).run_id
    return str(parameters.get("date") or "scheduled")


def _task(step: Step) -> Task[..., Any]:
    task: Task[..., Any] = Task(
        body(step),
        name=step.name,
        description=step.description or None,
        task_run_name=f"{step.name}[{{index}}]" if step.map_over else step.name,
        tags=tags(step),
        persist_result=True,
        result_serializer="json",
        # the key holds run, task and element: by inputs alone, two tasks could share a result
        cache_policy=CacheKeyFnPolicy(cache_key_fn=_identity),
        **retries(step),
    )
    task.__dict__[METADATA_KEY] = to_values(step)
    return task


def _identity(context: TaskRunContext, parameters: Mapping[str, Any]) -> str:
    run_id = RunRequest.from_json(parameters["request"]).run_id
    return f"{run_id}-{context.task.name}-{parameters['index']}"


def _run(
    pipeline: Pipeline,
    tasks: Mapping[str, Task[..., Any]],
    edges: Mapping[str, tuple[str, ...]],
    request: RunRequest,
    before: Mapping[str, State[Any]],
) -> Any:
    """Submits the selected tasks without a state in `before`; each decides by the results of its upstream tasks."""
    futures: dict[str, Any] = dict(before)
    for name in order(pipeline):
        if not request.selects(name) or name in before:
            continue
        upstream = {other: _allowed(futures[other]) for other in edges[name] if other in futures}
        if pipeline.step(name).map_over:
            futures[name] = _map(tasks[name], request, name, upstream)
        else:
            futures[name] = tasks[name].submit(request.to_json(), upstream)
    failed = [name for name, future in futures.items() if _is_failed(future)]
    return Failed(message=f"failed: {', '.join(failed)}") if failed else Completed(message="all steps ended well")


def _allowed(future: Any) -> Any:
    return [allow_failure(element) for element in future] if isinstance(future, list) else allow_failure(future)


def _map(task: Task[..., Any], request: RunRequest, name: str, upstream: dict[str, Any]) -> Any:
    """One task run per element of the list; if the list cannot be read, one task run that fails with the reason."""
    results = {other: _result(future) for other, future in upstream.items()}
    try:
        count = elements(request, name, references_of(results))
    except Exception:  # noqa: BLE001 - the task itself raises the error again and reports it
        return [task.submit(request.to_json(), upstream, 0)]
    return list(task.map(unmapped(request.to_json()), unmapped(upstream), list(range(count))))


def _result(allowed: Any) -> Any:
    if isinstance(allowed, list):
        return [_result(element) for element in allowed]
    return allowed.unwrap().result(raise_on_failure=False)


def _is_failed(future: Any) -> bool:
    if isinstance(future, list):
        return any(list(map(_is_failed, future)))  # a list, so that every future is waited for
    state = future if isinstance(future, State) else future.wait() or future.state
    return bool(state.is_failed() or state.is_crashed())


def read_back(native: Flow[..., Any]) -> Pipeline:
    """The pipeline that a flow describes, read from native properties wherever Prefect has them."""
    stored = pipeline_from(native.__dict__[METADATA_KEY])
    tasks, edges = native.__dict__["tasks"], native.__dict__["edges"]
    steps = tuple(_step(task, edges[name]) for name, task in tasks.items())
    return replace(stored, name=native.name, description=native.description or "", steps=steps)


def _step(task: Task[..., Any], edges: tuple[str, ...]) -> Step:
    """The step of a task; an edge that is missing in the flow is missing in the step too."""
    stored = step_from(task.__dict__[METADATA_KEY])
    return replace(
        stored,
        name=task.name,
        inputs=tuple(i for i in stored.inputs if i.step in edges or (i.window and i.window.last < 0)),
        after=tuple(name for name in stored.after if name in edges),
        when=stored.when if stored.when and stored.when.step in edges else None,
        retry=retry_of(task, stored.retry),
        pool=pool_of(task),
        description=task.description or "",
    )
