"""The causes of failed tasks, read from the states of their runs, for failures that no worker could record."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from counterpoint.runtime.failure import named
from counterpoint.runtime.groups import culprit
from counterpoint_prefect.client import client_of
from counterpoint_prefect.keys import UPSTREAM_FAILED
from counterpoint_prefect.observe import task_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.schemas.objects import State

    from counterpoint.model import ErrorInfo, RunRequest
    from counterpoint.target import Target


def causes(target: Target, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
    """The error of each failed task; tasks that ran when the flow run crashed share its error."""
    with client_of(target) as client:
        run = client.read_flow_run(UUID(native_id))
        states = {task.name.partition("[")[0]: task.state for task in task_runs(client, run.id)}
    failed = {
        culprit(request, n): _error(s) for n, s in states.items() if s and _is_bad(s) and s.name != UPSTREAM_FAILED
    }
    if failed or run.state is None or not _is_bad(run.state):
        return failed
    working = [culprit(request, name) for name, state in states.items() if state and state.is_running()]
    return dict.fromkeys(working or [""], _error(run.state))


def _is_bad(state: State) -> bool:
    return bool(state.is_failed() or state.is_crashed())


def _error(state: State) -> ErrorInfo:
    """The error in a state's message, where an exception stands as `Type('message')` or `Type: message`."""
    message = state.message or "no message"
    kind, mark, rest = message.removeprefix("Task run encountered an exception ").partition(": ")
    return named(kind, rest) if mark and kind.isidentifier() else named(state.name or "Failed", message)


def answers(target: Target, native_id: str) -> Iterator[str]:
    """The answers of Prefect's own API about a run, call by call: the run, its tasks, its logs."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId

    with client_of(target) as client:
        yield str(client.read_flow_run(UUID(native_id)).state)
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(native_id)]))
        yield str([run.state for run in client.read_task_runs(flow_run_filter=wanted)])
        yield str(client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(native_id)]))))
