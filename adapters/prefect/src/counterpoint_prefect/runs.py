"""The task runs of a flow run: submitted with their edges, again after each wait of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import allow_failure, unmapped
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from counterpoint.model import grouped_request
from counterpoint.runtime import elements, find_pipeline
from counterpoint_prefect.conditions import references_of
from counterpoint_prefect.waits import until_nothing_waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prefect import Task

    from counterpoint.model import RunRequest


class Run:
    """The tasks of a flow run, from its start, or from its last wait.

    Args:
        request: The request of the run; steps that it does not select are not submitted.
        before: The states of the tasks that ended before the run was rescheduled; they are not submitted again.
    """

    def __init__(self, request: RunRequest, before: Mapping[str, State[Any]]) -> None:
        self._request, self._before, self._futures = request, before, dict[str, Any](before)
        self._tasks = grouped_request(find_pipeline(request.pipeline), request)

    def submit(self, task: Task[..., Any], upstream: Iterable[Task[..., Any]] = ()) -> None:
        """Submits the task of a step; it decides itself by the results of its upstream tasks whether the step runs."""
        if self._is_due(task.name):
            self._futures[task.name] = task.submit(self._request.to_json(), self._results_of(upstream))

    def map(self, task: Task[..., Any], upstream: Iterable[Task[..., Any]] = ()) -> None:
        """Submits a task run per element of the list of a mapped step."""
        if self._is_due(task.name):
            self._futures[task.name] = _mapped(task, self._request, self._results_of(upstream))

    def state(self) -> State[Any]:
        """The final state of the flow run, when all its tasks have ended."""
        failed = [name for name, future in self._futures.items() if _is_failed(future)]
        return Failed(message=f"failed: {', '.join(failed)}") if failed else Completed(message="all steps ended well")

    def _is_due(self, name: str) -> bool:
        return self._tasks.selects(name) and name not in self._before

    def _results_of(self, upstream: Iterable[Task[..., Any]]) -> dict[str, Any]:
        names = [task.name for task in upstream]
        return {name: _allowed(self._futures[name]) for name in names if name in self._futures}


def run_steps(request: RunRequest, submit: Callable[[Run], None]) -> Any:
    """The final state of a flow run; while a step waits, the run is rescheduled.

    Args:
        request: The request of the run.
        submit: Submits the tasks of all steps, in the order of their edges.

    Raises:
        Pause: a step waits; the run is rescheduled, and this process must end.
    """

    def one_pass(before: Mapping[str, State[Any]]) -> State[Any]:
        run = Run(request, before)
        submit(run)
        return run.state()

    return until_nothing_waits(request, one_pass)


def _allowed(future: Any) -> Any:
    return [allow_failure(element) for element in future] if isinstance(future, list) else allow_failure(future)


def _mapped(task: Task[..., Any], request: RunRequest, upstream: dict[str, Any]) -> Any:
    """One task run per element of the list; if the list cannot be read, one task run that fails with the reason."""
    results = {other: _result(future) for other, future in upstream.items()}
    try:
        count = elements(request, task.name, references_of(results))
    except Exception:  # noqa: BLE001 - the task itself raises the error again and reports it
        return [task.submit(request.to_json(), upstream, 0)]
    return list(task.map(unmapped(request.to_json()), unmapped(upstream), list(range(count))))


def _result(allowed: Any) -> Any:
    if isinstance(allowed, list):
        return [_result(element) for element in allowed]
    return allowed.unwrap().result(raise_on_failure=False)


def _is_failed(future: Any) -> bool:
    if isinstance(future, list):
        return any(list(map(_is_failed, future)))  # a list, so that every future is waited for
    state = future if isinstance(future, State) else future.wait() or future.state
    return bool(state.is_failed() or state.is_crashed())
