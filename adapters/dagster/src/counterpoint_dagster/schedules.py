"""Reads, starts and stops the schedules of jobs by GraphQL; stops them in the database before a start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint.runtime import find_pipeline
from counterpoint.service_environment import SCHEDULES
from counterpoint_dagster.client import graphql
from counterpoint_dagster.keys import LOCATION

if TYPE_CHECKING:
    from counterpoint.target import Target

# a schedule that nobody has started is stopped then
PAUSE_BEFORE_START = {SCHEDULES: ""}
_STATE = "result: scheduleOrError(scheduleSelector: $s) { ... on Schedule { scheduleState { id status } } }"
_RESULT = "{ __typename ... on PythonError { message } }"
_START = f"mutation($s: ScheduleSelector!) {{ result: startSchedule(scheduleSelector: $s) {_RESULT} }}"
_STOP = f"mutation($i: String!) {{ result: stopRunningSchedule(id: $i) {_RESULT} }}"
_OPEN = "query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId } } } }"
_NOT_ENDED = ["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"]


def scheduled(target: Target, pipeline: str) -> bool | None:
    """Whether the schedule runs; None when the pipeline has none."""
    state = _state(target, _selector(pipeline))
    return state["status"] == "RUNNING" if state else None


def _state(target: Target, selector: dict[str, str]) -> Any:
    return graphql(target, f"query($s: ScheduleSelector!) {{ {_STATE} }}", {"s": selector})["result"].get(
        "scheduleState"
    )


def _selector(pipeline: str) -> dict[str, str]:
    name = f"{find_pipeline(pipeline).name}_schedule"
    return {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "scheduleName": name}


def schedule(target: Target, pipeline: str, *, on: bool) -> None:
    """Starts or stops the schedule, if the pipeline has one; a run that it has started goes on.

    Raises:
        ServiceError: Dagster did not start or stop it.
    """
    state = _state(target, selector := _selector(pipeline))
    if state is None:
        return
    result = graphql(target, *((_START, {"s": selector}) if on else (_STOP, {"i": state["id"]})))["result"]
    if result["__typename"] != "ScheduleStateResult":
        raise ServiceError(f"dagster did not {'start' if on else 'stop'} the schedule of {pipeline}: {result}")


def admit(target: Target, pipeline: str) -> None:
    """Refuses nothing: a stopped schedule does not block other runs."""


def active_runs(target: Target, pipeline: str) -> tuple[str, ...]:
    """The runs of the job that have not ended."""
    wanted = {"pipelineName": find_pipeline(pipeline).name, "statuses": _NOT_ENDED}
    return tuple(run["runId"] for run in graphql(target, _OPEN, {"f": wanted})["runsOrError"]["results"])


def pause_before_start(pipelines: list[str]) -> None:
    """Stops schedules in the database before a server runs."""
    import dagster as dg

    from counterpoint_dagster.deploy import location_of

    names = {_selector(pipeline)["scheduleName"] for pipeline in pipelines}
    with dg.DagsterInstance.get() as instance:
        for state in instance.all_instigator_state():
            if state.instigator_name in names and location_of(state.origin) == LOCATION:
                instance.update_instigator_state(state.with_status(type(state.status).STOPPED))
