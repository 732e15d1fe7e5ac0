"""What generated flow files call; they import nothing of the pipeline before one of its runs starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.model import Configuration
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.structure import refuse_other_structure
from counterpoint_prefect.partitions import request_of
from counterpoint_prefect.policies import may_retry
from counterpoint_prefect.runs import Run, run_steps
from counterpoint_prefect.translate import WORKERS, run_name, step_task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from prefect import State, Task

__all__ = ["WORKERS", "Run", "Steps", "may_retry", "run_name"]


class Steps:
    """Makes the tasks of a pipeline's steps, and runs them.

    Args:
        pipeline: How workers find it: its registered name, or `package.module:object`.
        configuration: What the environment gives to every run; of secrets, where their values are found.
        structure: What names the structure of the pipeline that the file was built from.
    """

    def __init__(self, pipeline: str, configuration: Mapping[str, Any], *, structure: str) -> None:
        self._pipeline, self._structure = pipeline, structure
        self._configuration = Configuration(**configuration)

    def task(self, step: str, *, timeout: timedelta | None = None, **native: Any) -> Task[..., Any]:
        """The task that executes a step.

        Args:
            step: Its name.
            timeout: After which the process of the step is ended.
            native: The arguments of a Prefect task; a tag `pool:NAME` names its global concurrency limit.
        """
        return step_task(step, native, timeout)

    def run(self, submit: Callable[[Run], None], date: str | None, request: str | None) -> State[Any]:
        """Runs the steps of a partition; the final state of the flow run.

        Args:
            submit: Submits the tasks; it is called again when a step has waited.
            date: The key of the partition; None: the one that ended before the scheduled time.
            request: A request of Counterpoint's commands as JSON, which counts in place of the date.

        Raises:
            UsageError: the package that is installed here has another structure than the file.
        """
        refuse_other_structure(find_pipeline(self._pipeline), self._structure)
        result: State[Any] = run_steps(request_of(self._pipeline, date, request, self._configuration), submit)
        return result
