"""Runs one partition with the earlier partitions that its windows need, on any engine: the command `run`."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StepError
from counterpoint.lineage import RunEnvironment, keep_whole
from counterpoint.model import RunRecord, RunRequest, Status
from counterpoint.redaction import sealed
from counterpoint.runtime import collect, find_pipeline, in_waves, needed, refuse_missing
from counterpoint.runtime.context import StepContext
from counterpoint.runtime.external import check_external
from counterpoint.runtime.inputs import observed
from counterpoint.runtime.request_store import keep_request
from counterpoint.runtime.staleness import refuse_old
from counterpoint.services.engines import ServiceEngine
from counterpoint.services.processes import Owner
from counterpoint.storage import Store

if TYPE_CHECKING:
    from counterpoint.model import Pipeline
    from counterpoint.services.engines import Engine

log = logging.getLogger(__name__)


def new_run_id(pipeline: str, partition: str, orchestrator: str) -> str:
    """A run id that sorts by time; the paths of outputs do not depend on it."""
    return f"{pipeline}-{partition}-{orchestrator}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"


def launch(request: RunRequest, engine: Engine, *, upstream: bool = True) -> RunRecord:
    """Runs a request, after the stale or missing steps of earlier partitions that it needs.

    Raises:
        UsageError: something upstream is missing and `upstream` is false.
        SourceError, StaleInputError: the source is wrong or too old; nothing was run.
        StepError: an upstream step failed; names run, partition and step.
        StorageError: the root cannot be written.
    """
    request = replace(request, config=sealed(request.config))
    pipeline = find_pipeline(request.pipeline).configured(request.config)
    pipeline.partitions.partition(request.partition)
    check_external(pipeline)
    store = Store(request.root, pipeline, request.version)
    look(pipeline, store, request)
    missing = needed(pipeline, store, request)
    if not upstream:
        refuse_missing(missing, request, service=isinstance(engine, ServiceEngine))
    for key, steps in missing.items():
        look(pipeline, store, replace(request, partition=key, steps=steps))
    _keep_request(pipeline, store, request, engine)
    before = _upstream(pipeline, store, request, engine, missing)
    log.info("%s: %s of %s", request.orchestrator, request.pipeline, request.partition)
    native = engine.run([request])[0]
    keep_whole(store, pipeline, request)
    return collect(pipeline, store, request, native, engine.version, before)


def look(pipeline: Pipeline, store: Store, request: RunRequest) -> None:
    """Checks the external sources of a request's steps, so that a wrong source is reported before anything runs.

    Raises:
        SourceError, UsageError: a source is wrong.
        StaleInputError: a source is older than the step's limit.
    """
    for step in pipeline.steps:
        # the input of a waiting step may still be missing
        if request.selects(step.name) and not step.waits:
            context = StepContext(request, pipeline, step, store)
            refuse_old(context, {}, observed(context))


def _keep_request(pipeline: Pipeline, store: Store, request: RunRequest, engine: Engine) -> None:
    service, owner = isinstance(engine, ServiceEngine), asdict(Owner.here())
    kept = engine.kept if isinstance(engine, ServiceEngine) else {}
    keep_request(store, pipeline.name, request, service=service, owner=owner, **kept)


def _upstream(
    pipeline: Pipeline, store: Store, request: RunRequest, engine: Engine, missing: dict[str, tuple[str, ...]]
) -> list[dict[str, Any]]:
    """Runs the steps of earlier partitions, wave by wave, because an engine may run all its requests at once."""
    reports, environment = [], RunEnvironment.of(pipeline, request.root) if missing else None
    for wave in in_waves(pipeline, missing):
        requests = [_earlier(pipeline, request, key, steps) for key, steps in wave.items()]
        steps = "; ".join(f"{r.partition}: {', '.join(r.steps or ())}" for r in requests)
        log.info("earlier partitions first: %s", steps)
        for earlier in requests:
            _keep_request(pipeline, store, earlier, engine)
        natives = engine.run(requests)
        for earlier in requests:
            keep_whole(store, pipeline, earlier, environment)
        records = [collect(pipeline, store, *pair, engine.version) for pair in zip(requests, natives, strict=True)]
        for record in records:
            _refuse_failed(record)
            reports.append({"date": record.date, "run_id": record.run_id, "steps": [s.to_dict() for s in record.steps]})
    return reports


def _earlier(pipeline: Pipeline, request: RunRequest, key: str, steps: tuple[str, ...]) -> RunRequest:
    run_id = new_run_id(pipeline.name, key, request.orchestrator)
    return replace(request, partition=key, steps=steps, run_id=run_id, force=False)


def _refuse_failed(record: RunRecord) -> None:
    if record.status is Status.SUCCESS:
        return
    failed = next((step for step in record.steps if step.error), None)
    what = f"step {failed.name}: {failed.error.type}: {failed.error.message}" if failed and failed.error else "no step"
    raise StepError(f"upstream partition {record.date} failed (run {record.run_id}): {what}")
