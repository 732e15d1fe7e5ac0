"""Partitions in Prefect's terms: a flow parameter; a scheduled run takes the partition that ended before it."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect.context import FlowRunContext

from counterpoint.model import RunRequest
from counterpoint.runtime import find_pipeline, native_request


def request_of(served: str, date: str | None, request: str | None) -> RunRequest:
    """The request of a flow run: the one passed to it, or a new one from its date or its scheduled time."""
    if request:
        return RunRequest.from_json(request)
    run = getattr(FlowRunContext.get(), "flow_run", None)
    moment = (run.expected_start_time if run else None) or datetime.now(UTC)
    partitions = find_pipeline(served).partitions
    key = date or partitions.shift(partitions.key_of(moment), -1)
    scheduled = bool(run and run.auto_scheduled)
    return native_request(served, key, str(run.id if run else "here"), "prefect", scheduled=scheduled)
