"""The alerts of class `late`, about late runs and old outputs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from counterpoint.alerts import Alert, tell
from counterpoint.commands import command
from counterpoint.errors import UsageError
from counterpoint.model import HANDLING, FailureClass, Severity
from counterpoint.monitoring.findings import Punctuality, look_at_run
from counterpoint.monitoring.schedule import due_of
from counterpoint.monitoring.states import Standing
from counterpoint.runtime import native_request, served_pipelines
from counterpoint.runtime.registry import find_pipeline
from counterpoint.runtime.settings import made_with
from counterpoint.runtime.staleness import span
from counterpoint.storage import Store
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Configuration, Partitions, Pipeline
    from counterpoint.monitoring.findings import Output, Run
    from counterpoint.monitoring.states import StepState

log = logging.getLogger(__name__)
_SEVERITY = HANDLING[FailureClass.LATE].severity or Severity.P1


def alert_of_run(name: str, pipeline: Pipeline, run: Run, root: str, orchestrator: str = "unknown") -> Alert | None:
    """The alert of a run that is or will be late; None when it is in time. Commands find the pipeline by `name`."""
    if run.punctuality is Punctuality.IN_TIME:
        return None
    is_late = run.punctuality is Punctuality.LATE
    begun = next((state for state in run.steps.values() if state.orchestrator), None)
    return Alert(
        severity=_SEVERITY,
        failure=FailureClass.LATE,
        pipeline=pipeline.name,
        partition=run.due.partition,
        run_id=begun.run_id if begun else None,
        orchestrator=(begun.orchestrator if begun else None) or orchestrator,
        error="DeadlinePassed" if is_late else "DeadlineAhead",
        title=f"{pipeline.name} is late" if is_late else f"{pipeline.name} will miss its deadline",
        detail=detail_of(run),
        command=_command(name, run, root, made_with(Objects(root), pipeline.name)),
    )


def detail_of(run: Run) -> str:
    """The state of a run as text: when it was due, its expected end, and the steps that it waits for."""
    words = [f"{run.due.partition}: due {_clock(run.due.deadline)}, {run.state.replace('_', ' ')}"]
    failed = [name for name, state in run.steps.items() if state.standing is Standing.FAILED]
    if failed:
        words.append(f"failed: {', '.join(failed)}")
    if run.expected:
        words.append(f"not expected to end before {_clock(run.expected)}")
        words.append(f"waits for {', then '.join(_step(n, run.steps[n], run.seconds.get(n)) for n in run.chain)}")
    return "; ".join(words)


def _step(name: str, state: StepState, seconds: float | None) -> str:
    usual = f"usually {span(timedelta(seconds=seconds))}" if seconds is not None else "of unknown length"
    running = f"running since {_clock(state.since)}, " if state.standing is Standing.RUNNING else ""
    return f"{name} ({running}{usual})"


def _clock(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "at no time"


def _command(name: str, run: Run, root: str, settings: Mapping[str, Any]) -> str:
    failed = next((state for state in run.steps.values() if state.standing is Standing.FAILED), None)
    if failed:
        return command("retry", name, "--run", str(failed.run_id), root=root)
    if run.state in {"not_begun", "waiting"}:
        return command("run", name, "--date", run.due.partition, root=root, config=settings)
    return command("status", name, "--from", run.due.partition, "--to", run.due.partition, root=root, config=settings)


def _key(partitions: Partitions, moment: str) -> str:
    try:
        return partitions.partition(moment).key
    except UsageError:
        return partitions.key_of(datetime.fromisoformat(moment))


def alert_of_output(name: str, pipeline: Pipeline, output: Output, now: datetime, root: str) -> Alert | None:
    """The alert of an output that is past its limit; None when it is not."""
    if not output.is_too_old:
        return None
    ended = pipeline.partitions.shift(pipeline.partitions.key_of(now), -1)
    return Alert(
        severity=_SEVERITY,
        failure=FailureClass.LATE,
        pipeline=pipeline.name,
        step=output.step,
        partition=output.partition,
        orchestrator="unknown",
        error="OutputTooOld",
        title=f"{output.step} of {pipeline.name} is older than its limit",
        detail=f"made {_clock(output.published)} for {output.partition}: {span(output.age)} old, and its limit is"
        f" {span(output.limit)}",
        command=command("run", name, "--date", ended, root=root, config=made_with(Objects(root), pipeline.name)),
    )


def tell_late(
    pipeline: str,
    moment: str,
    orchestrator: str,
    *,
    reference: str | None = None,
    configuration: Configuration | None = None,
) -> None:
    """Sends the alert of a run whose deadline an orchestrator saw pass, unless it has ended by now; never raises.

    Args:
        pipeline: Its own name.
        moment: A moment in the run's partition (ISO 8601), or the key of the partition.
        orchestrator: Which one saw it.
        reference: How the pipeline is found; default the served pipeline of that name.
        configuration: What a generated file gives to its runs; default what is served.
    """
    try:
        name = reference or next(served for served in served_pipelines() if find_pipeline(served).name == pipeline)
        described, now = find_pipeline(name), datetime.now(UTC)
        key = _key(described.partitions, moment)
        request = native_request(name, key, "", orchestrator, configuration=configuration)
        due = due_of(described, request.partition)
        passed = due._replace(deadline=min(due.deadline or now, now))
        store = Store(request.root, described)
        alert = alert_of_run(name, described, look_at_run(store, request, passed, now), request.root, orchestrator)
        if alert is not None:
            tell(store, alert)
    except Exception:
        log.exception("%s is late against its deadline (%s), and that could not be told", pipeline, moment)
