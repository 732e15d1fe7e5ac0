"""What an Airflow task does: execute one step by core, and pass its reference on by XCom."""

from __future__ import annotations

from typing import Any

from counterpoint_airflow.conditions import is_selected, skip_unless_chosen
from counterpoint_airflow.partitions import request_of
from counterpoint_airflow.policies import final


def execute_step(
    pipeline_name: str, step_name: str, upstream: dict[str, Any], index: int | None = None, **context: Any
) -> dict[str, Any] | None:
    """Executes a step; returns its reference, or None when the run does not select it.

    Raises:
        Exception: what the step raised.
        AirflowSkipException: its condition does not hold.
    """
    from counterpoint.running import Attempt, execute, execute_in_child, find_pipeline

    pipeline = find_pipeline(_served(pipeline_name, context))
    request = request_of(pipeline, context)
    if not is_selected(pipeline, request, step_name):
        return None
    references = references_of(upstream)
    skip_unless_chosen(request, step_name, references)
    step, attempt = pipeline.step(step_name), context["ti"].try_number
    try:
        if step.timeout:
            doing = Attempt(request, step_name, references, attempt, index)
            made = execute_in_child(doing, step.timeout.total_seconds())
        else:
            made = execute(request, step_name, references, attempt=attempt, index=index)
    except Exception as error:
        raise final(error) from error
    for asset in context["ti"].task.outlets:
        context["outlet_events"][asset].extra.update(made.to_dict())
    return made.to_dict()


def count_elements(pipeline_name: str, step_name: str, upstream: dict[str, Any], **context: Any) -> list[int]:
    """The indices of the elements of a mapped step."""
    from counterpoint.running import elements, find_pipeline

    pipeline = find_pipeline(_served(pipeline_name, context))
    request = request_of(pipeline, context)
    if not is_selected(pipeline, request, step_name):
        return []
    return list(range(elements(request, step_name, references_of(upstream))))


def _served(name: str, context: Any) -> str:
    """The name by which a worker finds the pipeline: that of the request, where there is one."""
    from counterpoint.model import RunRequest

    given = (context["dag_run"].conf or {}).get("counterpoint")
    return RunRequest.from_json(given).pipeline if given else name


def references_of(upstream: dict[str, Any]) -> dict[str, Any]:
    """The references that upstream tasks passed on; one that failed or was skipped passed none."""
    from counterpoint.running import decode_references

    given = {
        name: found if found is None or isinstance(found, dict) else list(found) for name, found in upstream.items()
    }
    return {name: decode_references(found) for name, found in given.items() if found is not None}
