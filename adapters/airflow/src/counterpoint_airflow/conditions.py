"""Trigger rules, branches and selections in Airflow's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from counterpoint.model import Status, TriggerRule, downstream
from counterpoint.running import condition_holds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Pipeline, RunRequest

_STATES = {
    "success": Status.SUCCESS,
    "skipped": Status.SKIPPED,
    "upstream_failed": Status.UPSTREAM_FAILED,
    "removed": Status.SKIPPED,
}


def is_selected(pipeline: Pipeline, request: RunRequest, step: str) -> bool:
    """Whether a task is to work; one that is not, but that a selected one waits for, ends well without working.

    Raises:
        AirflowSkipException: neither this step nor one after it is selected.
    """
    if request.selects(step):
        return True
    if not any(request.selects(name) for name in downstream(pipeline, step)):
        raise AirflowSkipException(f"{step} is not part of this run")
    return False


def skip_unless_chosen(request: RunRequest, step: str, references: Mapping[str, Any]) -> None:
    """Skips a task whose branch chose otherwise.

    Raises:
        AirflowSkipException: it did.
    """
    if not condition_holds(request, step, references):
        raise AirflowSkipException("its branch chose otherwise")


def native_status(state: str | None) -> Status:
    """The status that a task instance's state stands for."""
    return _STATES.get(state or "", Status.FAILED)


def rule_of(native: Any) -> TriggerRule:
    """The trigger rule of a task."""
    return TriggerRule(getattr(native, "value", native))
