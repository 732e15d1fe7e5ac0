"""Partitions in Prefect's terms: a parameter of the flow; a scheduled run takes the one that ended before it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect.context import FlowRunContext

from counterpoint.model import RunRequest
from counterpoint.running import native_request

if TYPE_CHECKING:
    from counterpoint.model import Pipeline


def request_of(pipeline: Pipeline, date: str | None, request: str | None) -> RunRequest:
    """The request of a flow run: as it was passed, or made of its date, or of the time it was scheduled for."""
    if request:
        return RunRequest.from_json(request)
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    moment = (run.expected_start_time if run else None) or datetime.now(UTC)
    key = date or pipeline.partitions.shift(pipeline.partitions.key_of(moment), -1)
    return native_request(pipeline.name, key, str(run.id if run else "here"), "prefect")
