"""Trigger rules, branches and selections in Airflow's terms: a task skips those after it that must not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from counterpoint.model import TriggerRule, ancestors, downstream
from counterpoint.runtime import condition_holds, why_skipped
from counterpoint_airflow.keys import ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import ArtifactRef, Pipeline, RunRequest


def _is_idle(pipeline: Pipeline, request: RunRequest, step: str) -> bool:
    """Whether neither the step nor any step downstream of it is selected."""
    return not any(request.selects(name) for name in (step, *downstream(pipeline, step)))


def is_selected(pipeline: Pipeline, request: RunRequest, step: str) -> bool:
    """Whether the step is selected. An unselected task that a selected one waits for succeeds without executing.

    Raises:
        AirflowSkipException: neither this step nor any step downstream of it is selected.
    """
    if _is_idle(pipeline, request, step):
        raise AirflowSkipException(f"{step} is not part of this run")
    return request.selects(step)


def skip_unless_chosen(request: RunRequest, step: str, references: Mapping[str, Any]) -> None:
    """Skips a task that was not chosen by its branch (after it was cleared), or an effect in a run without effects.

    Raises:
        AirflowSkipException: the task must not run.
    """
    if reason := why_skipped(request, step, references):
        raise AirflowSkipException(reason)


def idle_after(pipeline: Pipeline, request: RunRequest, step: str, reference: ArtifactRef | None) -> list[str]:
    """The tasks that a step skips after it has succeeded, as Airflow's own branches do: no worker starts them.

    Pipeline and request are those of the tasks, in which a group is one step; a group has no reference.

    Those are the tasks that its choice excludes, and the unselected tasks whose last selected ancestor it is.
    """
    idle = [s.name for s in pipeline.steps if s.when and s.when.step == step and request.selects(s.name)]
    idle = [name for name in idle if not condition_holds(request, name, {step: reference})]
    idle += [
        name
        for name in pipeline.step_names
        if _is_idle(pipeline, request, name) and _may_skip(pipeline, request, step, name)
    ]
    return idle + [f"{name}{ELEMENTS}" for name in idle if pipeline.step(name).map_over]


def _may_skip(pipeline: Pipeline, request: RunRequest, step: str, idle: str) -> bool:
    """Whether the success of a step implies that of all selected ancestors of an idle one.

    A task that is skipped earlier could not fail with an ancestor that fails later, and the run would succeed.
    """
    above = ancestors(pipeline, idle)
    before = {name for name in above if request.selects(name)}
    if not before:
        return not any(request.selects(name) for name in ancestors(pipeline, step))
    return step in before and before <= {step, *ancestors(pipeline, step)}


def rule_of(native: Any) -> TriggerRule:
    """The trigger rule of a task."""
    return TriggerRule(getattr(native, "value", native))
