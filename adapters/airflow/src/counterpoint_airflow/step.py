"""What an Airflow task does: execute one step by core, and pass its reference on by XCom."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DownstreamTasksSkipped

from counterpoint.model import grouped, grouped_request
from counterpoint_airflow.binding import configuration_of
from counterpoint_airflow.conditions import idle_after, is_selected, skip_unless_chosen
from counterpoint_airflow.keys import ELEMENTS
from counterpoint_airflow.partitions import request_of
from counterpoint_airflow.policies import to_airflow_exception
from counterpoint_airflow.waits import defer_while_waiting

if TYPE_CHECKING:
    from counterpoint.model import Pipeline

log = logging.getLogger(__name__)
# the index of no element: Airflow skips a task that expands over an empty list, and all tasks after it
NOTHING = -1


def execute_step(
    served: str,
    step_name: str,
    upstream: dict[str, Any],
    index: int | None = None,
    deployed: str | None = None,
    **context: Any,
) -> dict[str, Any] | None:
    """Executes a step, or the steps of a group, of the pipeline that is found as `served`.

    Returns:
        The reference of the step; None for one that is not selected, and for a group.

    Raises:
        Exception: the error of the step.
        AirflowSkipException: the step's condition does not hold.
        DownstreamTasksSkipped: the step succeeded, and some tasks after it must not run.
        TaskDeferred: an input that the step waits for is not ready yet.
    """
    from counterpoint.runtime import Attempt, execute_attempt, find_pipeline
    from counterpoint.runtime.groups import execute_group, members_of, waiting_step

    pipeline, native = find_pipeline(served), context["ti"]
    request = request_of(served, context, configuration_of(pipeline, deployed))
    tasks, chosen = grouped(pipeline), grouped_request(pipeline, request)
    if not is_selected(tasks, chosen, step_name) or index == NOTHING:
        return None
    references = references_of(upstream or pulled(tasks, step_name, native))
    members = members_of(request, step_name)
    if not members:
        skip_unless_chosen(request, step_name, references)
    try:
        defer_while_waiting(request, waiting_step(request, step_name), native.id)
        if members:
            made = execute_group(request, step_name, references, again=is_retry(native))
        else:
            limit = pipeline.step(step_name).timeout
            attempt = Attempt(request, step_name, references, native.try_number, index)
            made = {step_name: execute_attempt(attempt, limit.total_seconds() if limit else None)}
    except Exception as error:
        raise to_airflow_exception(error) from error
    for asset in native.task.outlets:
        if asset.name in made:
            context["outlet_events"][asset].extra.update(made[asset.name].to_dict())
    result = None if members else made[step_name].to_dict()
    if idle := idle_after(tasks, chosen, step_name, None if members else made[step_name]):
        native.xcom_push("return_value", result)  # a task that raises returns nothing
        raise DownstreamTasksSkipped(tasks=idle)
    return result


def is_retry(native: Any) -> bool:
    """Whether a task was tried before since it was created, or since a person cleared it."""
    before = native.max_tries - native.task.retries
    return bool(native.try_number > before + 1)


def count_elements(
    served: str, step_name: str, upstream: dict[str, Any], deployed: str | None = None, **context: Any
) -> list[int]:
    """The indices of the elements of a mapped step."""
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.execute import element_count

    pipeline = find_pipeline(served)
    request = request_of(served, context, configuration_of(pipeline, deployed))
    tasks = grouped(pipeline)
    if not is_selected(tasks, grouped_request(pipeline, request), step_name):
        return [NOTHING]
    references = references_of(upstream or pulled(tasks, step_name, context["ti"]))
    skip_unless_chosen(request, step_name, references)
    count = element_count(request, step_name, references, attempt=context["ti"].try_number)
    return list(range(count)) or [NOTHING]


def pulled(pipeline: Pipeline, step: str, native: Any) -> dict[str, Any]:
    """What upstream tasks passed on to a step that is not connected with them but through gates."""
    passed = {name: native.xcom_pull(task_ids=name) for name in pipeline.step(step).upstream}
    # of a task with one element Airflow gives the element
    single = [n for n, value in passed.items() if pipeline.step(n).map_over and isinstance(value, dict)]
    return {**passed, **{name: [passed[name]] for name in single}}


def references_of(upstream: dict[str, Any]) -> dict[str, Any]:
    """The references that upstream tasks returned; failed and skipped tasks are left out."""
    from counterpoint.runtime import decode_references

    values = {n: value if value is None or isinstance(value, dict) else value[:] for n, value in upstream.items()}
    return {name: decode_references(value) for name, value in values.items() if value is not None}


def tell_failure(context: Any) -> None:
    """Records a final failure that the step itself could not record; Airflow calls it as a failure callback."""
    from counterpoint.runtime import find_pipeline, step_record
    from counterpoint.runtime.execute import record_failure
    from counterpoint.runtime.groups import members_of, record_lost

    task, native, error = context["task"], context["ti"], context.get("exception")
    step, index = task.task_id.removesuffix(ELEMENTS), max(native.map_index, 0)
    index = index if step != task.task_id or native.map_index >= 0 else None
    log.error("%s failed for good: %s: %s", task.task_id, type(error).__name__, error)
    served, deployed = task.op_kwargs["served"], task.op_kwargs.get("deployed")
    request = request_of(served, context, configuration_of(find_pipeline(served), deployed))
    if isinstance(error, Exception) and members_of(request, step):
        record_lost(request, step, error)
        return
    record = step_record(request, step, index)
    if isinstance(error, Exception) and (not record.get("error") or record["attempts"] != native.try_number):
        record_failure(request, step, error, attempt=native.try_number, index=index)
