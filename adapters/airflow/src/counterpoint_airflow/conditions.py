"""Trigger rules, branches and selections in Airflow's terms: what is not to run is skipped by the task before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from counterpoint.model import TriggerRule, downstream
from counterpoint.running import condition_holds
from counterpoint_airflow.observe import ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Pipeline, Reference, RunRequest


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
    """Skips a task whose branch chose otherwise: one that was cleared, after its branch had skipped it.

    Raises:
        AirflowSkipException: it did.
    """
    if not condition_holds(request, step, references):
        raise AirflowSkipException("its branch chose otherwise")


def idle_after(pipeline: Pipeline, request: RunRequest, step: str, made: Reference) -> list[str]:
    """The tasks that a step, now that it has succeeded, is to skip as Airflow's own branches do: no worker starts them.

    Those are the ones that its choice is against, and after the first selected steps all that are not selected.
    """
    idle = [s.name for s in pipeline.steps if s.when and s.when.step == step and request.selects(s.name)]
    idle = [name for name in idle if not condition_holds(request, name, {step: made})]
    if not any(request.selects(name) for name in pipeline.step(step).upstream):
        idle += [name for name in pipeline.step_names if _is_idle(pipeline, request, name)]
    return idle + [f"{name}{ELEMENTS}" for name in idle if pipeline.step(name).map_over]


def rule_of(native: Any) -> TriggerRule:
    """The trigger rule of a task."""
    return TriggerRule(getattr(native, "value", native))
