"""A smoke test: all steps with all contracts on a sample of one partition, in a time limit, below a root of its own."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError
from counterpoint.model import RunRecord, RunRequest, StepRecord, order
from counterpoint.redaction import redacted_values
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.settings import made_with
from counterpoint.services.engines import LocalEngine
from counterpoint.services.launch import launch, new_run_id
from counterpoint.services.newest import newest_partition
from counterpoint.storage import Store, layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from counterpoint.model import Pipeline, Sample
    from counterpoint.model.configuration import Configuration

# how the variables begin that would let a test reach a real registry, a lineage server, or people
_OUTSIDE = ("MLFLOW_TRACKING_", "MLFLOW_REGISTRY_", "OPENLINEAGE_", "COUNTERPOINT_ALERTS")


class _LimitReachedError(KeyboardInterrupt):
    """The time is over: what runs is ended as by Ctrl-C."""


@dataclass
class StepTotal:
    """What a step did in all partitions of a smoke test; `rows` are those of the last one that ended."""

    name: str
    status: str = "not run"
    partitions: int = 0
    rows: int | None = None
    seconds: float = 0.0
    error: str | None = None


@dataclass
class SmokeReport:
    """How a smoke test went; `status` is success, failed, or limit when the time was over."""

    pipeline: str
    date: str
    sample: Sample
    settings: Mapping[str, Any]
    limit: float
    not_awaited: list[str]
    status: str = "failed"
    seconds: float = 0.0
    error: str | None = None
    steps: list[StepTotal] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; settings that are secrets are masked."""
        told = {**asdict(self), "settings": redacted_values(dict(self.settings))}
        sample = told.pop("sample")
        return {**told, "sample": sample["share"], "key": sample["key"], "seed": sample["seed"]}


def smoke(
    name: str,
    configuration: Configuration,
    sample: Sample,
    *,
    date: str | None,
    limit: float,
    overrides: Mapping[str, Any],
) -> SmokeReport:
    """Runs all steps of a pipeline on a sample, without effects, waits or alerts, and forgets what they made.

    Args:
        name: The pipeline, as it is found.
        configuration: Where production lies, whose newest partition and settings are read, and what the runs of the
            pipeline go by; nothing is written there, and its tracking server is not used.
        sample: The rows that are kept of what comes from outside.
        date: The partition; None for the newest.
        limit: Seconds, after which the steps that run are ended.
        overrides: Settings over the small ones of the pipeline.

    Returns:
        How it went; a step that fails raises nothing.

    Raises:
        UsageError: no partition is named or known, or a setting is none.
    """
    described, root = find_pipeline(name), configuration.root
    kept = described.own(made_with(Store(root, described), described.name))
    settings = _merged(kept, configuration.settings, described.smoke.settings, overrides)
    pipeline = described.configured(settings)
    request = _request(name, configuration, settings, sample)
    key = date or newest_partition(pipeline, Store(root, pipeline), request)
    pipeline.partitions.partition(key)
    waits = [f"{step.name}: {wait.of(key)}" for step in pipeline.steps for wait in step.waits if not wait.parameter]
    report = SmokeReport(pipeline.name, key, sample, settings, limit, waits)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="counterpoint-smoke-") as folder, _alone():
        run_id = new_run_id(pipeline.name, key, "smoke")
        record = _run(replace(request, partition=key, run_id=run_id, root=folder), report)
        report.seconds = round(time.monotonic() - begun, 3)
        report.steps = _totals(pipeline, Store(folder, pipeline), record)
    return report


def _request(name: str, configuration: Configuration, settings: Mapping[str, Any], sample: Sample) -> RunRequest:
    """The request of a run that has the secrets of its environment, and not its tracking server."""
    variables = {n: value for n, value in configuration.variables.items() if not n.startswith(_OUTSIDE)}
    carried = {**configuration.carried, "tracking": None, "variables": variables}
    root = configuration.root
    return RunRequest(name, "", "", root, config=settings, effects=False, sample=sample, inputs_root=root, **carried)


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of several layers, the later over the earlier; a dict setting is merged one level deep."""
    merged: dict[str, Any] = {}
    for settings in layers:
        for name, value in settings.items():
            both = isinstance(merged.get(name), dict) and isinstance(value, dict)
            merged[name] = {**merged[name], **value} if both else value
    return merged


def _run(request: RunRequest, report: SmokeReport) -> RunRecord | None:
    try:
        with _limited(report.limit):
            record = launch(request, LocalEngine())
    except _LimitReachedError:
        report.status, report.error = "limit", f"the limit of {report.limit:g} s was reached"
        return None
    except CounterpointError as error:
        report.error = str(error)
        return None
    report.status = record.status.value
    return record


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Ends the block, and the steps that run in it, when the time is over."""

    def reached(_: int, __: FrameType | None) -> None:
        raise _LimitReachedError

    before = signal.signal(signal.SIGALRM, reached)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _alone() -> Iterator[None]:
    """Takes what leads to a real registry, or to people, out of the environment of the block."""
    kept = {name: os.environ.pop(name) for name in tuple(os.environ) if name.startswith(_OUTSIDE)}
    try:
        yield
    finally:
        os.environ.update(kept)


def _totals(pipeline: Pipeline, store: Store, record: RunRecord | None) -> list[StepTotal]:
    """What all steps did, by what they recorded; how those ended that recorded nothing, by the record of the run."""
    totals = {name: StepTotal(name) for name in order(pipeline)}
    runs: dict[str, set[str]] = {name: set() for name in totals}
    for path in store.list(layout.runs_folder(pipeline.name)):
        run_id = str(layout.run_folder_of(path)).rpartition("/")[2]
        step, index = layout.element_of(path)
        if step in totals and path == layout.step_record(pipeline.name, run_id, step, index):
            runs[step].add(run_id)
            _add(totals[step], StepRecord.from_dict(store.get_json(path)))
    for name, total in totals.items():
        total.partitions, total.seconds = len(runs[name]), round(total.seconds, 3)
        if record and not total.partitions:
            total.status = record.step(name).status.value
    return list(totals.values())


def _add(total: StepTotal, record: StepRecord) -> None:
    if total.status != "failed":
        total.status = record.status.value
    if record.error:
        total.error = f"{record.error.type}: {record.error.message}"
    if record.output:
        total.rows = record.output.rows
    if record.started and record.ended:
        length = datetime.fromisoformat(record.ended) - datetime.fromisoformat(record.started)
        total.seconds += length.total_seconds()
