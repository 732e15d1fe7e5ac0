"""What generated DAG files call; they import nothing of the pipeline, so that loading one is cheap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from counterpoint.model import RetryPolicy
from counterpoint_airflow.binding import bound
from counterpoint_airflow.deadlines import deadline_of
from counterpoint_airflow.pods import pod
from counterpoint_airflow.policies import CoreRetryPolicy
from counterpoint_airflow.translate import fail_with, step_task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

__all__ = ["CoreRetryPolicy", "RetryPolicy", "Steps", "fail_with", "pod"]


class Steps:
    """Makes the tasks of a pipeline's steps.

    Args:
        pipeline: How workers find it: its registered name, or `package.module:object`.
        configuration: What the environment gives to every run; of secrets, where their values are found.
        structure: What names the structure of the pipeline that the file was built from.
    """

    def __init__(self, pipeline: str, configuration: Mapping[str, Any], *, structure: str) -> None:
        self._pipeline, self._deployed = pipeline, bound(configuration, structure)

    def task(self, step: str, *, upstream: Mapping[str, Any] | None = None, mapped: bool = False, **native: Any) -> Any:
        """The task that executes a step.

        Args:
            step: Its name.
            upstream: The tasks of the steps before it, by step.
            mapped: Whether the step is executed once for each element of a list.
            native: The arguments of an Airflow task.
        """
        arguments = {"served": self._pipeline, "step_name": step, "upstream": dict(upstream or {})}
        # without any description, a task would show the docstring of the function that executes every step
        described = {"doc_json": json.dumps({"pipeline": self._pipeline, "step": step}), **native}
        return step_task({**arguments, "deployed": self._deployed}, described, mapped=mapped)

    def deadline(self, interval: timedelta) -> Any:
        """The alert of runs that have not ended that long after they were due by the schedule."""
        return deadline_of(interval, served=self._pipeline, deployed=self._deployed)
