"""Waits of a step before it starts; they run in the triggerer and hold no worker slot.

A step waits for what it declares, and in a backfill for the outputs of other runs that its group reads.
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

from counterpoint.model import FailureClass, RunRequest, steps_in, task_of
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.groups import members_of, waiting_step
from counterpoint_airflow import approvals
from counterpoint_airflow.keys import SPANS
from counterpoint_airflow.partitions import request_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from uuid import UUID

log = logging.getLogger(__name__)
# seconds before a trigger's first check: if a task is queued again before its executor has reported the end of the
# process that deferred it, the scheduler counts the task as killed and fails it
_SETTLING = 5.0
POLL_SECONDS = 2.0
ENDED = {"success", "skipped", "failed", "upstream_failed", "removed"}
_FAILED = {"failed", "upstream_failed"}


class BlockedError(AirflowFailException):
    """A step is not started because a step of another run, which it waits for, failed and has reported that itself."""

    failure = FailureClass.UPSTREAM_FAILED.value


class StepOperator(DecoratedOperator, PythonOperator):
    """Executes a step of a pipeline; in a backfill, after the steps of other runs that its group reads have ended."""

    custom_operator_name = "@task"
    template_fields = ("templates_dict", "op_args", "op_kwargs")

    def __init__(self, *, python_callable: Any, op_args: Any, op_kwargs: Any, **kwargs: Any) -> None:
        call = {"python_callable": python_callable, "op_args": op_args, "op_kwargs": op_kwargs}
        super().__init__(kwargs_to_upstream=call, **call, **kwargs)

    def execute(self, context: Any) -> Any:
        """Defers while the step has to wait, then executes it."""
        waits = waits_of(self.op_kwargs["served"], self.op_kwargs["step_name"], context)
        failed = failed_of(self.dag_id, waits) if waits else []
        if failed is None:
            self.defer(trigger=WindowTrigger(self.dag_id, waits), method_name="resume")
        return self.resume(context, {"failed": failed})

    def resume(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Executes the step; keeps what a person responded on the page.

        Raises:
            BlockedError: a step that it waited for failed.
        """
        if approvals.ANSWER in event:
            request = request_of(self.op_kwargs["served"], context)
            approvals.keep_response(request, waiting_step(request, self.op_kwargs["step_name"]), event)
        elif event["failed"]:
            raise BlockedError(f"not started: {', '.join(event['failed'])} failed")
        return super().execute(context)


def waits_of(served: str, step: str, context: Mapping[str, Any]) -> dict[str, list[str]]:
    """The tasks of other runs, or of earlier partitions in a window, that a task waits for in a backfill.

    Each comes with the logical dates of its runs, in ISO 8601; only steps that the backfill itself runs are included.
    """
    spans = dict(context["dag_run"].conf or {}).get(SPANS)
    if spans is None:
        return {}
    from counterpoint.backfill.plan import outside

    pipeline, request = find_pipeline(served), request_of(served, context)
    names = members_of(request, step) or ((step,) if request.selects(step) else ())
    waits: dict[str, list[str]] = {}
    for name, offset in sorted(set().union(*(outside(pipeline, member) for member in names))):
        key = pipeline.partitions.shift(request.partition, offset)
        task = task_of(pipeline.step(name))
        if name in steps_in(spans, key) and (offset or task != step):
            date = pipeline.partitions.partition(key).start.isoformat()
            waits[task] = [*(other for other in waits.get(task, ()) if other != date), date]
    return waits


def failed_of(dag_id: str, waits: Mapping[str, list[str]]) -> list[str] | None:
    """The failed tasks among those that a step waits for; None while not all of them have ended."""
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
        """The class path and the arguments by which the triggerer creates this trigger."""
        return f"{__name__}.WindowTrigger", {"dag_id": self.dag_id, "waits": self.waits}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Checks the states of the tasks every few seconds."""
        while (failed := await asyncio.to_thread(failed_of, self.dag_id, self.waits)) is None:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        yield TriggerEvent({"failed": failed})


def defer_while_waiting(request: RunRequest, step: str, ti_id: UUID) -> None:
    """Returns when the step may start, and defers its task (instance `ti_id`) otherwise.

    Raises:
        TaskDeferred: an input that the step waits for is not ready yet.
        RejectedError: a person rejected the step.
        MissingInputError: the step has waited for its whole time-out.
    """
    from counterpoint.runtime.waits import admit

    waiting = admit(request, step)
    if waiting:
        log.warning("%s %s", step, waiting)  # a warning, because lower levels are not shown
        if waiting.approval:
            approvals.ask(ti_id, request, step, waiting.approval)
        instance = str(ti_id) if waiting.approval else None
        raise TaskDeferred(trigger=WaitTrigger(request.to_json(), step, instance), method_name="resume")


class WaitTrigger(BaseTrigger):
    """Fires when the inputs that a step waits for are ready, or when its wait has timed out.

    `ti_id` is the task instance at which a person may respond on Airflow's page.
    """

    def __init__(self, request: str, step: str, ti_id: str | None = None) -> None:
        super().__init__()
        self.request, self.step, self.ti_id = request, step, ti_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments by which the triggerer creates this trigger."""
        return f"{__name__}.WaitTrigger", {"request": self.request, "step": self.step, "ti_id": self.ti_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Checks at every poll; logs on the task's page what the step waits for."""
        from counterpoint.runtime.waits import still

        logged, request = "", RunRequest.from_json(self.request)
        await asyncio.sleep(_SETTLING)
        while waiting := await asyncio.to_thread(still, request, self.step):
            # where Airflow does not resume the task itself: before 3.3, or if it was not yet deferred
            response = await asyncio.to_thread(approvals.response, self.ti_id) if self.ti_id else None
            if response:
                yield TriggerEvent(response)
                return
            if str(waiting) != logged:
                logged = str(waiting)
                self.log.warning("%s %s", self.step, logged)
            await asyncio.sleep(waiting.pause)
        if self.ti_id:
            await asyncio.to_thread(approvals.close, self.ti_id, request, self.step)
        yield TriggerEvent({"failed": []})
