"""The causes of failed tasks, read from Airflow's log endpoint, for failures that no worker could record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from counterpoint.errors import ServiceError
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.failure import innermost, named
from counterpoint.runtime.groups import culprit
from counterpoint_airflow.client import call, rows_of
from counterpoint_airflow.keys import ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from counterpoint.model import ErrorInfo, RunRequest
    from counterpoint.target import Target


def causes(target: Target, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
    """The error of each task that failed, from the log of its last attempt."""
    dag, _, run = native_id.rpartition("::")
    path = f"/dags/{dag or find_pipeline(request.pipeline).name}/dagRuns/{quote(run, safe='')}"
    rows = rows_of(target, f"{path}/taskInstances")
    failed = [row for row in rows if row["state"] == "failed"]
    errors = {culprit(request, row["task_id"].removesuffix(ELEMENTS)): _cause(target, path, row) for row in failed}
    if not errors and call(target, path)["state"] == "failed":
        errors[""] = named("DagRun", "the run failed without a failed task")
    return errors


def _cause(target: Target, path: str, row: Mapping[str, Any]) -> ErrorInfo:
    task = f"{path}/taskInstances/{row['task_id']}/logs/{max(row['try_number'], 1)}?map_index={row['map_index']}"
    try:
        lines = [line for line in call(target, task)["content"] if isinstance(line, dict)]
    except ServiceError as error:
        lines = [{"event": str(error)}]
    for line in reversed(lines):
        if line.get("error_detail"):
            return _raised(line["error_detail"])
    return named("TaskInstance", _last_words(lines) or f"ended as {row['state']}, and its log is empty")


def _raised(chain: list[Mapping[str, Any]]) -> ErrorInfo:
    """The innermost error of a chain, which has the outermost first."""
    error = chain[-1]
    frames = [f"{frame['filename']}:{frame['lineno']} in {frame['name']}" for frame in error.get("frames", ())]
    return named(error["exc_type"], error["exc_value"], innermost(frames))


def _last_words(lines: Iterable[Mapping[str, Any]]) -> str:
    texts = [" ".join(f"{k}={v}" if k != "event" else str(v) for k, v in line.items()) for line in lines]
    return "; ".join(texts[-3:])


def answers(target: Target, native_id: str) -> Iterator[str]:
    """The answers of Airflow's own API about a run, call by call: the run, its tasks, the log of each failed task."""
    dag, _, run = native_id.partition("::")
    path = f"/dags/{dag}/dagRuns/{quote(run, safe='')}"
    yield str(call(target, path))
    tasks = call(target, f"{path}/taskInstances")["task_instances"]
    yield str([(task["task_id"], task["state"]) for task in tasks])
    for task in tasks:
        if task["state"] == "failed":
            yield str(call(target, f"{path}/taskInstances/{task['task_id']}/logs/{task['try_number']}"))
