"""What an Airflow task does: execute one step by core, and pass its reference on by XCom."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DownstreamTasksSkipped

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
    """Executes a step of the pipeline that is found as `served`; returns its reference, None if not selected.

    Raises:
        Exception: the error of the step.
        AirflowSkipException: the step's condition does not hold.
        DownstreamTasksSkipped: the step succeeded, and some tasks after it must not run.
        TaskDeferred: an input that the step waits for is not ready yet.
    """
    from counterpoint.runtime import Attempt, execute_attempt, find_pipeline

    pipeline, native = find_pipeline(served), context["ti"]
    request = request_of(served, context, configuration_of(pipeline, deployed))
    if not is_selected(pipeline, request, step_name) or index == NOTHING:
        return None
    references = references_of(upstream or pulled(pipeline, step_name, native))
    skip_unless_chosen(request, step_name, references)
    limit = pipeline.step(step_name).timeout
    try:
        defer_while_waiting(request, step_name, native.id)
        attempt = Attempt(request, step_name, references, native.try_number, index)
        reference = execute_attempt(attempt, limit.total_seconds() if limit else None)
    except Exception as error:
        raise to_airflow_exception(error) from error
    for asset in native.task.outlets:
        context["outlet_events"][asset].extra.update(reference.to_dict())
    if idle := idle_after(pipeline, request, step_name, reference):
        native.xcom_push("return_value", reference.to_dict())  # a task that raises returns nothing
        raise DownstreamTasksSkipped(tasks=idle)
    return reference.to_dict()


def count_elements(
    served: str, step_name: str, upstream: dict[str, Any], deployed: str | None = None, **context: Any
) -> list[int]:
    """The indices of the elements of a mapped step."""
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.execute import element_count

    pipeline = find_pipeline(served)
    request = request_of(served, context, configuration_of(pipeline, deployed))
    if not is_selected(pipeline, request, step_name):
        return [NOTHING]
    references = references_of(upstream or pulled(pipeline, step_name, context["ti"]))
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

    task, native, error = context["task"], context["ti"], context.get("exception")
    step, index = task.task_id.removesuffix(ELEMENTS), max(native.map_index, 0)
    index = index if step != task.task_id or native.map_index >= 0 else None
    log.error("%s failed for good: %s: %s", task.task_id, type(error).__name__, error)
    served, deployed = task.op_kwargs["served"], task.op_kwargs.get("deployed")
    request = request_of(served, context, configuration_of(find_pipeline(served), deployed))
    record = step_record(request, step, index)
    if isinstance(error, Exception) and (not record.get("error") or record["attempts"] != native.try_number):
        record_failure(request, step, error, attempt=native.try_number, index=index)
