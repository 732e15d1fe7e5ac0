"""Finding the cause of a failed run by an orchestrator's own API alone, without Counterpoint; calls are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.services import ServiceEngine

_RUN = "query($i: ID!) { runOrError(runId: $i) { ... on Run { status } } }"
_EVENTS = """query($i: ID!) { logsForRun(runId: $i) { ... on EventConnection { events {
  ... on ExecutionStepFailureEvent { stepKey error { message stack errorChain { error { message stack } } } }
  ... on RunFailureEvent { message error { message } } ... on EngineEvent { message error { message } } } } } }"""


def search(engine: ServiceEngine, native_id: str, words: tuple[str, ...]) -> dict[str, Any]:
    """The calls it took until a text held one of the words, and that text; `calls` is None when none did."""
    for calls, text in enumerate(_ANSWERS[engine.adapter.name](engine, native_id), 1):
        if any(word in text for word in words):
            return {"calls": calls, "text": _around(text, words)}
    return {"calls": None, "text": None}


def _around(text: str, words: tuple[str, ...]) -> str:
    at = min(text.index(word) for word in words if word in text)
    return " ".join(text[max(at - 80, 0) : at + 120].split())


def _airflow(engine: ServiceEngine, native_id: str) -> Iterator[str]:
    from counterpoint_airflow.client import call

    dag, _, run = native_id.partition("::")
    path = f"/dags/{dag}/dagRuns/{quote(run, safe='')}"
    yield str(call(engine.site, path))
    tasks = call(engine.site, f"{path}/taskInstances")["task_instances"]
    yield str([(task["task_id"], task["state"]) for task in tasks])
    for task in tasks:
        if task["state"] == "failed":
            yield str(call(engine.site, f"{path}/taskInstances/{task['task_id']}/logs/{task['try_number']}"))


def _dagster(engine: ServiceEngine, native_id: str) -> Iterator[str]:
    from counterpoint_dagster.client import graphql

    yield str(graphql(engine.site, _RUN, {"i": native_id}))
    yield str(graphql(engine.site, _EVENTS, {"i": native_id}))


def _prefect(engine: ServiceEngine, native_id: str) -> Iterator[str]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId

    from counterpoint_prefect.client import client_of

    with client_of(engine.site) as client:
        yield str(client.read_flow_run(UUID(native_id)).state)
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(native_id)]))
        yield str([run.state for run in client.read_task_runs(flow_run_filter=wanted)])
        yield str(client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(native_id)]))))


_ANSWERS = {"airflow": _airflow, "dagster": _dagster, "prefect": _prefect}
