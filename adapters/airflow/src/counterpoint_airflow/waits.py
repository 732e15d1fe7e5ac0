"""What a step waits for before it begins: looked for in the triggerer, so that no worker slot is held.

That is what it declares, and in a backfill what other runs make that its group reads.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk.bases.decorator import DecoratedOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from counterpoint.model import FailureClass, RunRequest, steps_in
from counterpoint.runtime import find_pipeline
from counterpoint_airflow.keys import SPANS
from counterpoint_airflow.partitions import request_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

log = logging.getLogger(__name__)
# seconds before a trigger looks: the scheduler takes a task that is queued again before its executor has told of the
# end of the process that deferred it for a killed one, and has it fail
_SETTLING = 5.0
POLL_SECONDS = 2.0
ENDED = {"success", "skipped", "failed", "upstream_failed", "removed"}
_FAILED = {"failed", "upstream_failed"}


class BlockedError(AirflowFailException):
    """A step is not started, for what it waits for in other runs failed; that is told where it failed."""

    failure = FailureClass.UPSTREAM_FAILED.value


class StepOperator(DecoratedOperator, PythonOperator):
    """Executes a step of a pipeline, in a backfill when all has ended that its group reads of other runs."""

    custom_operator_name = "@task"
    template_fields = ("templates_dict", "op_args", "op_kwargs")

    def __init__(self, *, python_callable: Any, op_args: Any, op_kwargs: Any, **kwargs: Any) -> None:
        call = {"python_callable": python_callable, "op_args": op_args, "op_kwargs": op_kwargs}
        super().__init__(kwargs_to_upstream=call, **call, **kwargs)

    def execute(self, context: Any) -> Any:
        """Waits where there is something to wait for, then works."""
        waits = waits_of(self.op_kwargs["served"], self.op_kwargs["step_name"], context)
        failed = failed_of(self.dag_id, waits) if waits else []
        if failed is None:
            self.defer(trigger=WindowTrigger(self.dag_id, waits), method_name="resume")
        return self.resume(context, {"failed": failed})

    def resume(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Works, unless something failed that it waited for.

        Raises:
            BlockedError: something did.
        """
        if event["failed"]:
            raise BlockedError(f"not started: {', '.join(event['failed'])} failed")
        return super().execute(context)


def waits_of(served: str, step: str, context: Mapping[str, Any]) -> dict[str, list[str]]:
    """The steps of other runs, or before a window in this one, that a step waits for in a backfill.

    Each has the logical dates of its runs, in ISO 8601; only what the backfill itself runs is waited for.
    """
    spans = dict(context["dag_run"].conf or {}).get(SPANS)
    if spans is None:
        return {}
    from counterpoint.backfill.plan import outside

    pipeline, request = find_pipeline(served), request_of(served, context)
    waits: dict[str, list[str]] = {}
    for name, offset in sorted(outside(pipeline, step)) if request.selects(step) else ():
        key = pipeline.partitions.shift(request.partition, offset)
        if name in steps_in(spans, key):
            waits.setdefault(name, []).append(pipeline.partitions.partition(key).start.isoformat())
    return waits


def failed_of(dag_id: str, waits: Mapping[str, list[str]]) -> list[str] | None:
    """The tasks, of those of some logical dates, that failed; None while not all have ended."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    failed = []
    for task, dates in waits.items():
        moments = [datetime.fromisoformat(date) for date in dates]
        runs = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task], logical_dates=moments)
        states = {state for run in runs.values() for state in run.values()}
        if len(runs) < len(dates) or not states <= ENDED:
            return None
        failed += [f"{task} in {run}" for run, ended in runs.items() if _FAILED & set(ended.values())]
    return failed


class WindowTrigger(BaseTrigger):
    """Fires when tasks of other runs have ended; `waits` has their logical dates by task."""

    def __init__(self, dag_id: str, waits: Mapping[str, list[str]]) -> None:
        super().__init__()
        self.dag_id, self.waits = dag_id, dict(waits)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer makes it of."""
        return f"{__name__}.WindowTrigger", {"dag_id": self.dag_id, "waits": self.waits}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Looks every few seconds into Airflow's database."""
        while (failed := await asyncio.to_thread(failed_of, self.dag_id, self.waits)) is None:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        yield TriggerEvent({"failed": failed})


def defer_while_waiting(request: RunRequest, step: str) -> None:
    """Lets a step begin, or its task defer until what it waits for is there.

    Raises:
        TaskDeferred: something is not there yet.
        MissingInputError: it has waited long enough.
    """
    from counterpoint.runtime.waits import admit

    waiting = admit(request, step)
    if waiting:
        log.warning("%s %s", step, waiting)  # as what is below is not shown
        raise TaskDeferred(trigger=WaitTrigger(request.to_json(), step), method_name="resume")


class WaitTrigger(BaseTrigger):
    """Fires when what a step waits for is there, or when it has waited long enough."""

    def __init__(self, request: str, step: str) -> None:
        super().__init__()
        self.request, self.step = request, step

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer makes it of."""
        return f"{__name__}.WaitTrigger", {"request": self.request, "step": self.step}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Looks at every poll; its log on the task's page says what for."""
        from counterpoint.runtime.waits import still

        told = ""
        await asyncio.sleep(_SETTLING)
        while waiting := await asyncio.to_thread(still, RunRequest.from_json(self.request), self.step):
            if str(waiting) != told:
                told = str(waiting)
                self.log.warning("%s %s", self.step, told)
            await asyncio.sleep(waiting.pause)
        yield TriggerEvent({"failed": []})
