"""Waits: what must exist before a step begins, since when the step waits, and when it gives up."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError, MissingInputError, ServiceError, StorageError
from counterpoint.model import BRIDGES, RunRequest, Wait, WaitKind
from counterpoint.runtime.approvals import ApprovalRequest, requested
from counterpoint.runtime.context import context_of
from counterpoint.runtime.execute import record_failure
from counterpoint.runtime.external import missing_inputs
from counterpoint.runtime.hooks import installed
from counterpoint.runtime.ownership_gate import POLL
from counterpoint.runtime.readiness import bridged, satisfied
from counterpoint.runtime.registry import find_pipeline
from counterpoint.runtime.schedule_ownership import read
from counterpoint.runtime.subprocess_executor import STOPPING
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from counterpoint.bridging import External
    from counterpoint.model import Pipeline, Step
    from counterpoint.runtime.context import StepContext
    from counterpoint.storage import Store
    from counterpoint.storage.objects import Objects

log = logging.getLogger(__name__)
# of what is noted of a waiting step, what `status` tells
_SHOWN = ("step", "run_id", "since", "until", "for", "approval")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a step still waits for, in words, since when, and until when at most; it is checked every `poll`.

    `approval` is what a person has to decide, if the step waits for that.
    """

    words: tuple[str, ...]
    since: datetime
    until: datetime
    poll: timedelta
    approval: ApprovalRequest | None = None

    def __str__(self) -> str:
        return f"waits for {', '.join(self.words)} until {self.until:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def is_late(self) -> bool:
        """Whether the time to wait has passed."""
        return datetime.now(UTC) >= self.until

    @property
    def pause(self) -> float:
        """The seconds until the next check."""
        return max(0.0, min(self.poll, self.until - datetime.now(UTC)).total_seconds())


def _unmet(context: StepContext, made: list[External]) -> Iterator[tuple[Wait, str]]:
    """The unmet waits of a step but approvals, each with a description; met waits elsewhere are added to `made`."""
    partition = context.partition
    for wait in context.step.waits:
        if wait.kind is WaitKind.APPROVAL:
            continue
        description = wait.of(partition.key)
        try:
            external = bridged(wait, partition) if wait.kind in BRIDGES else None
            if external and external.is_made:
                made.append(external)
            elif external:
                yield wait, f"{description} ({external.url} is {external.state})"
            elif wait.kind in BRIDGES or not satisfied(wait, partition, context.store):
                yield wait, description
        except (StorageError, ServiceError) as error:
            yield wait, f"{description} ({error})"


def look(request: RunRequest, step: str) -> Waiting | None:
    """What a step still waits for, or None; the first check stores when the waiting began."""
    if not _may_wait(request, find_pipeline(request.pipeline).step(step)):
        return None
    context = context_of(request, step)
    made: list[External] = []
    # of a step that another side owns, it is that side which waits for these things
    theirs = installed().awaits(context)
    missing = list(_unmet(context, made) if theirs is None else theirs)
    approval = requested(context) if theirs is None else None
    if approval:
        missing.append((approval.wait, approval.words))
    if not missing:
        _keep(context, made)
        return None
    noted = _noted(context.store, context.pipeline, request, step)
    since = datetime.fromisoformat(noted["since"]) if noted else datetime.now(UTC)
    until = since + min(wait.timeout for wait, _ in missing)
    words, poll = tuple(words for _, words in missing), min(wait.poll for wait, _ in missing)
    waiting = Waiting(words, since, until, poll, approval)
    if noted is None or noted["for"] != list(waiting.words):
        _note(context, waiting)
    return waiting


def admit(request: RunRequest, step: str) -> Waiting | None:
    """Admits a step (None) when it has nothing left to wait for; else returns what it waits for.

    Raises:
        MissingInputError: The time to wait has passed; the failure of the step is recorded.
        RejectedError: A person rejected the step; the failure is recorded, too.
        UsageError: It waits for a pipeline or step that does not exist; the failure is recorded, too.
    """
    try:
        waiting = look(request, step)
        _refuse_late(request, step, waiting)
    except Exception as error:
        mapped = find_pipeline(request.pipeline).step(step).map_over
        record_failure(request, step, error, index=0 if mapped else None)
        _end(request, step)
        raise
    if waiting is None:
        _end(request, step)
    return waiting


def still(request: RunRequest, step: str) -> Waiting | None:
    """What a step waits for while waiting makes sense; None when `admit` is to be called to admit or refuse it."""
    try:
        waiting = look(request, step)
    except CounterpointError:
        return None
    return None if waiting is None or waiting.is_late else waiting


def wait_until_admitted(request: RunRequest, step: str) -> None:
    """Blocks until a step may begin.

    Raises:
        MissingInputError: The time to wait has passed.
        KeyboardInterrupt: This process is to end.
    """
    while waiting := admit(request, step):
        if STOPPING.wait(waiting.pause):
            raise KeyboardInterrupt


def polls_of(pipeline: Pipeline) -> list[timedelta]:
    """The poll intervals of a pipeline's waits; with a schedule, any step may come to be owned by another side."""
    polls = [wait.poll for step in pipeline.steps for wait in step.waits]
    return [*polls, POLL] if pipeline.schedule else polls


class Holding:
    """When a runner that runs steps itself checks their waits the next time."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], float] = {}

    def holds(self, request: RunRequest, step: str) -> bool:
        """Whether a step still waits. One whose waits fail or whose time is up does not: `admit` refuses it."""
        name = (request.run_id, step)
        if time.monotonic() < self._next.get(name, 0.0):
            return True
        self._next.pop(name, None)
        waiting = still(request, step)
        if waiting is None:
            return False
        self._next[name] = time.monotonic() + waiting.pause
        return True

    def pause(self) -> float | None:
        """The seconds until the next check is due, or None."""
        return max(0.0, min(self._next.values()) - time.monotonic()) if self._next else None


def held(request: RunRequest) -> dict[str, Mapping[str, Any]]:
    """The stored notes of a run's waiting steps: since, until, and for what."""
    pipeline = find_pipeline(request.pipeline)
    steps = [step.name for step in pipeline.steps if _may_wait(request, step) and request.selects(step.name)]
    if not steps:
        return {}
    store = context_of(request, steps[0]).store
    # most steps of a scheduled run have no note
    files = store.list(layout.run_folder(pipeline.name, request.run_id))
    paths = {path for path in files if path.endswith(layout.WAITING)}
    with_note = [step for step in steps if layout.step_waiting(pipeline.name, request.run_id, step) in paths]
    notes = {step: _noted(store, pipeline, request, step) for step in with_note}
    return {name: note for name, note in notes.items() if note}


def waiting(objects: Objects, pipeline: Pipeline, version: str, keys: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What the steps of a pipeline wait for now in a version, in all runs, the longest waiting first.

    A run that was killed while it waited is included until its step would have had to give up.
    """
    if not any(step.waits for step in pipeline.steps) and read(objects, pipeline.name).found is None:
        return []
    paths = [path for path in objects.list(layout.runs_folder(pipeline.name)) if path.endswith(layout.WAITING)]
    notes = [note for path in paths if (note := objects.get_json(path)) and not note["ended"]]
    now = datetime.now(UTC)
    return sorted(
        (
            {**{name: note[name] for name in _SHOWN if name in note}, "date": note["partition"]}
            for note in notes
            if note["version"] == version
            and (not keys or note["partition"] in keys)
            and datetime.fromisoformat(note["until"]) > now
        ),
        key=lambda entry: (entry["since"], entry["step"]),
    )


def _may_wait(request: RunRequest, step: Step) -> bool:
    """Whether a step of a run can have waits; in a scheduled run another side may own it, a smoke test has none."""
    return (bool(step.waits) or request.scheduled) and request.sample is None


def _keep(context: StepContext, made: list[External]) -> None:
    if made:
        path = layout.step_bridged(context.pipeline.name, context.request.run_id, context.step.name)
        context.store.put_json(path, {"bridged": [external.to_dict() for external in made]})


def _noted(store: Store, pipeline: Pipeline, request: RunRequest, step: str) -> Mapping[str, Any] | None:
    note: Mapping[str, Any] | None = store.get_json(layout.step_waiting(pipeline.name, request.run_id, step))
    return note if note and not note["ended"] else None


def _note(context: StepContext, waiting: Waiting) -> None:
    level = logging.WARNING if waiting.approval else logging.INFO  # a person has to act
    log.log(level, "%s %s %s", context.request.partition, context.step.name, waiting)
    note: dict[str, Any] = {
        "step": context.step.name,
        "partition": context.request.partition,
        "run_id": context.request.run_id,
        "version": context.request.version,
        "since": waiting.since.isoformat(),
        "until": waiting.until.isoformat(),
        "for": list(waiting.words),
        "ended": None,
    }
    if waiting.approval:
        note["approval"] = waiting.approval.to_dict()
    context.store.put_json(layout.step_waiting(context.pipeline.name, context.request.run_id, context.step.name), note)


def _end(request: RunRequest, step: str) -> None:
    """Stores that the waiting is over, if the step waited."""
    if not _may_wait(request, find_pipeline(request.pipeline).step(step)):
        return
    context = context_of(request, step)
    noted = _noted(context.store, context.pipeline, request, step)
    if noted:
        path = layout.step_waiting(context.pipeline.name, request.run_id, step)
        context.store.put_json(path, {**noted, "ended": datetime.now(UTC).isoformat()})


def _refuse_late(request: RunRequest, step: str, waiting: Waiting | None) -> None:
    if waiting and waiting.is_late:
        waited = (datetime.now(UTC) - waiting.since).total_seconds()
        raise MissingInputError(
            f"step {step} of {request.partition} waited {waited:.0f} s for {', '.join(waiting.words)}: see why it does"
            f" not come, then redo the step, or raise its wait's timeout{_commands(request, step)}"
        )


def _commands(request: RunRequest, step: str) -> str:
    """The commands that make the partitions of other pipelines which are missing."""
    pipeline = find_pipeline(request.pipeline)
    try:
        missing = missing_inputs(pipeline, pipeline.step(step), request)
    except CounterpointError:  # the message says what did not come, anyway
        return ""
    commands = dict.fromkeys(external.command(key) for external, key in missing)
    return "".join(f"; '{command}' makes what is missing" for command in commands)
