"""Trigger rules, branches and selections in Airflow's terms: what is not to run is skipped by the task before it."""

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
    """Whether neither a step nor one after it is selected."""
    return not any(request.selects(name) for name in (step, *downstream(pipeline, step)))


def is_selected(pipeline: Pipeline, request: RunRequest, step: str) -> bool:
    """Whether a task is to work; one that is not, but that a selected one waits for, ends well without working.

    Raises:
        AirflowSkipException: neither this step nor one after it is selected.
    """
    if _is_idle(pipeline, request, step):
        raise AirflowSkipException(f"{step} is not part of this run")
    return request.selects(step)


def skip_unless_chosen(request: RunRequest, step: str, references: Mapping[str, Any]) -> None:
    """Skips a task whose branch chose otherwise, as when it was cleared, or an effect in a run without effects.

    Raises:
        AirflowSkipException: it is not to run.
    """
    if reason := why_skipped(request, step, references):
        raise AirflowSkipException(reason)


def idle_after(pipeline: Pipeline, request: RunRequest, step: str, reference: ArtifactRef) -> list[str]:
    """The tasks that a step, now that it has succeeded, is to skip as Airflow's own branches do: no worker starts them.

    Those are the ones that its choice is against, and after the last selected step before them those not selected.
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
    """Whether all selected steps before an idle one have ended well when a step has.

    One that was skipped before could not fail with a step that fails later, and the run would end well.
    """
    above = ancestors(pipeline, idle)
    before = {name for name in above if request.selects(name)}
    if not before:
        return not any(request.selects(name) for name in ancestors(pipeline, step))
    return step in before and before <= {step, *ancestors(pipeline, step)}


def rule_of(native: Any) -> TriggerRule:
    """The trigger rule of a task."""
    return TriggerRule(getattr(native, "value", native))
