"""Waiting: what must be there before a step begins, since when it is looked for, and when that was long enough."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError, MissingInputError, ServiceError, StorageError
from counterpoint.model import BRIDGES, RunRequest, Wait
from counterpoint.runtime.context import context_of
from counterpoint.runtime.execute import record_failure
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


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a step still waits for, in words, since when, and until when at most; it is looked for every `poll`."""

    words: tuple[str, ...]
    since: datetime
    until: datetime
    poll: timedelta

    def __str__(self) -> str:
        return f"waits for {', '.join(self.words)} until {self.until:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def is_late(self) -> bool:
        """Whether it was waited for long enough."""
        return datetime.now(UTC) >= self.until

    @property
    def pause(self) -> float:
        """The seconds until the next look."""
        return max(0.0, min(self.poll, self.until - datetime.now(UTC)).total_seconds())


def _unmet(context: StepContext, made: list[External]) -> Iterator[tuple[Wait, str]]:
    """What a step waits for and is not there, with its words; `made` is given what is there on other orchestrators.

    A hook may tell it instead: of a step that another side owns, it is that side which waits for these things.
    """
    instead = installed().awaits(context)
    if instead is not None:
        yield from instead
        return
    partition = context.partition
    for wait in context.step.waits:
        words = wait.of(partition.key)
        try:
            other = bridged(wait, partition) if wait.kind in BRIDGES else None
            if other and other.is_made:
                made.append(other)
            elif other:
                yield wait, f"{words} ({other.url} is {other.state})"
            elif wait.kind in BRIDGES or not satisfied(wait, partition, context.store):
                yield wait, words
        except (StorageError, ServiceError) as error:
            yield wait, f"{words} ({error})"


def look(request: RunRequest, step: str) -> Waiting | None:
    """What a step still waits for, None when all is there; the first look notes when the waiting began."""
    if not _may_wait(request, find_pipeline(request.pipeline).step(step)):
        return None
    context = context_of(request, step)
    made: list[External] = []
    missing = list(_unmet(context, made))
    if not missing:
        _keep(context, made)
        return None
    noted = _noted(context.store, context.pipeline, request, step)
    since = datetime.fromisoformat(noted["since"]) if noted else datetime.now(UTC)
    until = since + min(wait.timeout for wait, _ in missing)
    found = Waiting(tuple(words for _, words in missing), since, until, min(wait.poll for wait, _ in missing))
    if noted is None or noted["for"] != list(found.words):
        _note(context, found)
    return found


def admit(request: RunRequest, step: str) -> Waiting | None:
    """Lets a step begin, for nothing is left to wait for (None), or says what it waits for.

    Raises:
        MissingInputError: it has waited long enough; the step has failed, and that is recorded.
        UsageError: what it waits for is no pipeline or step; likewise.
    """
    try:
        found = look(request, step)
        _refuse_late(request, step, found)
    except Exception as error:
        mapped = find_pipeline(request.pipeline).step(step).map_over
        record_failure(request, step, error, index=0 if mapped else None)
        _end(request, step)
        raise
    if found is None:
        _end(request, step)
    return found


def still(request: RunRequest, step: str) -> Waiting | None:
    """What a step waits for while there is a point in waiting: `admit` then lets it begin or says what is wrong."""
    try:
        found = look(request, step)
    except CounterpointError:
        return None
    return None if found is None or found.is_late else found


def wait_until_admitted(request: RunRequest, step: str) -> None:
    """Waits here until a step may begin.

    Raises:
        MissingInputError: it has waited long enough.
        KeyboardInterrupt: this process is to end.
    """
    while found := admit(request, step):
        if STOPPING.wait(found.pause):
            raise KeyboardInterrupt


def polls_of(pipeline: Pipeline) -> list[timedelta]:
    """How often it is looked for what steps wait for; with a schedule, any step may come to be another side's."""
    polls = [wait.poll for step in pipeline.steps for wait in step.waits]
    return [*polls, POLL] if pipeline.schedule else polls


class Holding:
    """When whoever runs steps itself looks again for what they wait for."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], float] = {}

    def holds(self, request: RunRequest, step: str) -> bool:
        """Whether a step still waits. One that cannot, or whose time is up, does not: `admit` refuses it."""
        name = (request.run_id, step)
        if time.monotonic() < self._next.get(name, 0.0):
            return True
        self._next.pop(name, None)
        found = still(request, step)
        if found is None:
            return False
        self._next[name] = time.monotonic() + found.pause
        return True

    def pause(self) -> float | None:
        """The seconds until the next look that is due, or None."""
        return max(0.0, min(self._next.values()) - time.monotonic()) if self._next else None


def held(request: RunRequest) -> dict[str, Mapping[str, Any]]:
    """What was noted of the steps of a run that wait now: since, until, and for what."""
    pipeline = find_pipeline(request.pipeline)
    steps = [step.name for step in pipeline.steps if _may_wait(request, step) and request.selects(step.name)]
    if not steps:
        return {}
    store = context_of(request, steps[0]).store
    # most steps of a scheduled run have noted nothing
    files = store.list(layout.run_folder(pipeline.name, request.run_id))
    paths = {path for path in files if path.endswith(layout.WAITING)}
    told = [step for step in steps if layout.step_waiting(pipeline.name, request.run_id, step) in paths]
    noted = {step: _noted(store, pipeline, request, step) for step in told}
    return {name: found for name, found in noted.items() if found}


def waiting(objects: Objects, pipeline: Pipeline, version: str, keys: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What is waited for now by the steps of a pipeline in a version, in any run, the longest waiting first.

    A run that was killed while it waited is told of until its step would have had to give up.
    """
    if not any(step.waits for step in pipeline.steps) and read(objects, pipeline.name).found is None:
        return []
    paths = [path for path in objects.list(layout.runs_folder(pipeline.name)) if path.endswith(layout.WAITING)]
    noted = [found for path in paths if (found := objects.get_json(path)) and not found["ended"]]
    now = datetime.now(UTC)
    return sorted(
        (
            {**{name: one[name] for name in ("step", "run_id", "since", "until", "for")}, "date": one["partition"]}
            for one in noted
            if one["version"] == version
            and (not keys or one["partition"] in keys)
            and datetime.fromisoformat(one["until"]) > now
        ),
        key=lambda one: (one["since"], one["step"]),
    )


def _may_wait(request: RunRequest, step: Step) -> bool:
    """Whether a step of a run can have anything to wait for; in a scheduled one another side may own it."""
    return bool(step.waits) or request.scheduled


def _keep(context: StepContext, made: list[External]) -> None:
    if made:
        path = layout.step_bridged(context.pipeline.name, context.request.run_id, context.step.name)
        context.store.put_json(path, {"bridged": [one.to_dict() for one in made]})


def _noted(store: Store, pipeline: Pipeline, request: RunRequest, step: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = store.get_json(layout.step_waiting(pipeline.name, request.run_id, step))
    return found if found and not found["ended"] else None


def _note(context: StepContext, waiting: Waiting) -> None:
    log.info("%s %s %s", context.request.partition, context.step.name, waiting)
    told = {
        "step": context.step.name,
        "partition": context.request.partition,
        "run_id": context.request.run_id,
        "version": context.request.version,
        "since": waiting.since.isoformat(),
        "until": waiting.until.isoformat(),
        "for": list(waiting.words),
        "ended": None,
    }
    context.store.put_json(layout.step_waiting(context.pipeline.name, context.request.run_id, context.step.name), told)


def _end(request: RunRequest, step: str) -> None:
    """Notes that the waiting is over, if there was any."""
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
            " not come, then redo the step, or raise its wait's timeout"
        )
