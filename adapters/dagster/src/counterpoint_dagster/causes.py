"""The causes of failed steps, read from Dagster's events, for failures that no worker could record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.runtime import find_pipeline
from counterpoint.runtime.failure import named
from counterpoint_dagster.client import graphql
from counterpoint_dagster.groups import culprits
from counterpoint_dagster.places import job_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model import ErrorInfo, RunRequest
    from counterpoint.target import Target

_ERROR = "message className errorChain { error { message className } }"
_EVENTS = f"""query($id: ID!, $after: String) {{ logsForRun(runId: $id, afterCursor: $after) {{
  ... on EventConnection {{ cursor hasMore events {{ __typename
    ... on ExecutionStepFailureEvent {{ stepKey error {{ {_ERROR} }} }}
    ... on ExecutionStepUpForRetryEvent {{ stepKey error {{ {_ERROR} }} }}
    ... on ExecutionStepStartEvent {{ stepKey }} ... on ExecutionStepSuccessEvent {{ stepKey }}
    ... on RunFailureEvent {{ message error {{ {_ERROR} }} }} }} }} }} }}"""
# a run that fails without an error was found dead by the daemon; a step's dead process is found by its executor
_RUN = "query($i: ID!) { runOrError(runId: $i) { ... on Run { status } } }"
_ALL_EVENTS = """query($i: ID!) { logsForRun(runId: $i) { ... on EventConnection { events {
  ... on ExecutionStepFailureEvent { stepKey error { message stack errorChain { error { message stack } } } }
  ... on RunFailureEvent { message error { message } } ... on EngineEvent { message error { message } } } } } }"""
_GONE = "the process of the {} was killed, or ended without a message: {}"
_CRASHED = "ChildProcessCrashException"
_ENDED = {"ExecutionStepSuccessEvent", "ExecutionStepUpForRetryEvent"}


def causes(target: Target, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
    """The innermost error of each failed step; steps that ran when the run itself was killed share its error."""
    failed: dict[str, ErrorInfo] = {}
    working: set[str] = set()
    own: ErrorInfo | None = None
    for event in _events(target, native_id):
        step, kind = event.get("stepKey", ""), event["__typename"]
        if kind == "ExecutionStepStartEvent":
            working.add(step)
        elif kind in _ENDED:
            working.discard(step)
        elif kind == "ExecutionStepFailureEvent":
            working.discard(step)
            failed[step] = _innermost(event)
        elif kind == "RunFailureEvent":
            own = _innermost(event) if event.get("error") else named(kind, _GONE.format("run", event.get("message")))
    by_op = failed if own is None or failed else dict.fromkeys(working or {""}, own)
    pipeline = find_pipeline(request.pipeline)
    if not target.is_ours:
        ops = job_place(target, pipeline).ops
        by_op = {ops.get(op, op): error for op, error in by_op.items()}
    return culprits(pipeline, request, by_op)


def _events(target: Target, native_id: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    cursor, more = None, True
    while more:
        page = graphql(target, _EVENTS, {"id": native_id, "after": cursor})["logsForRun"]
        events += page.get("events", ())
        cursor, more = page.get("cursor"), page.get("hasMore", False)
    return events


def _innermost(event: Mapping[str, Any]) -> ErrorInfo:
    error = event["error"]
    inner = [link["error"] for link in error["errorChain"]] or [error]
    kind, message = inner[-1]["className"] or "Error", inner[-1]["message"].strip()
    return named(kind, _GONE.format("step", message) if kind == _CRASHED else message)


def answers(target: Target, native_id: str) -> Iterator[str]:
    """The answers of Dagster's own API about a run, call by call: the run, its events."""
    yield str(graphql(target, _RUN, {"i": native_id}))
    yield str(graphql(target, _ALL_EVENTS, {"i": native_id}))
