"""The two proofs: an adapter keeps every property of a pipeline, and runs it as the local runner does.

Every check takes an adapter and a scenario, and raises `ConformanceError`, an AssertionError that names each
property, what was expected and what was got.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING

from counterpoint.model import RunRequest, Status
from counterpoint.runtime import collect, needed
from counterpoint.services import ServiceEngine
from counterpoint.storage import Store
from counterpoint.testing.differences import (
    Difference,
    against_expected,
    between_pipelines,
    between_records,
    by_the_clock,
    in_time,
    refuse,
)
from counterpoint.testing.evidence import lived
from counterpoint.testing.repeats import repeated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from counterpoint.adapter import Adapter, ServiceEnvironment
    from counterpoint.model import Pipeline, RunRecord, Step
    from counterpoint.services.engines import Engine
    from counterpoint.testing.scenarios import Scenario

# not the default one, so that an adapter which loses it is found out
VERSION = "conformance"
_FILE_TIMES = 0.05
# seconds from the end of a wait to the first line of the step: its engine looks again, and starts a process
ADDED_BY_ENGINE = 30.0
# seconds that a step may live beyond its time-out: its parent reads where it is before it kills it
_KILLED_AFTER = 4.0
# seconds from the moment when a step may look for a marker to the moment when it is there: some looks in vain
_MARKER_COMES_AFTER = 3.0


def check_round_trip(adapter: Adapter, scenario: Scenario) -> None:
    """Translates a scenario's pipeline and reads it back: every property must be there again.

    Raises:
        ConformanceError: names the properties that were lost or changed.
    """
    read = adapter.read_back(adapter.translate(scenario.pipeline))
    kept = Difference("pipeline", None, "one made from the native object", "the very object that was translated")
    found = [kept] if read is scenario.pipeline else between_pipelines(scenario.pipeline, read)
    refuse(adapter.name, scenario.name, found)


def check_behaviour(adapter: Adapter, scenario: Scenario, folder: Path, engine: Engine | None = None) -> None:
    """Runs a scenario on the local runner and by the adapter: statuses, attempts, outputs, order must be equal.

    The adapter's run writes below `folder`, an empty one or that of other scenarios. `engine` says how it runs: by
    default in this process (`Adapter.run`); `counterpoint.services.ServiceEngine(adapter, target)` runs it on the
    services of a service environment. The local runner runs each scenario once a process.

    Raises:
        ConformanceError: names every step and property that differs.
    """
    from counterpoint.services import ProcessEngine

    reference, used = _reference(scenario), engine or ProcessEngine(adapter)
    got = perform(scenario, folder, adapter.name, used)
    refuse(adapter.name, scenario.name, [*_against(reference, got), *judge(scenario, got)])
    if scenario.repeats:
        refuse(adapter.name, scenario.name, repeated(got.pipeline, got.store, got.request, got.evidence, used))


def check_schedules(adapter: Adapter, target: ServiceEnvironment, pipeline: str) -> None:
    """On running services, pauses and starts a served pipeline's schedule, each twice, and looks; it ends started.

    Raises:
        ConformanceError: names what was asked for, and what the adapter tells then.
    """
    told: list[tuple[str, bool | None, bool]] = [("at first", adapter.scheduled(target, pipeline) is not None, True)]
    for on in (False, False, True, True):
        adapter.schedule(target, pipeline, on=on)
        told.append(("started" if on else "paused", adapter.scheduled(target, pipeline), on))
    wrong = [Difference(f"schedule, {when}", None, wanted, got) for when, got, wanted in told if got is not wanted]
    refuse(adapter.name, pipeline, wrong)


_REFERENCES: dict[str, Performance] = {}


def _reference(scenario: Scenario) -> Performance:
    """What the local runner does; it must itself do what the scenario says."""
    # imported here, for the processes of all steps of the scenarios import this package
    from counterpoint.services import LocalEngine

    if scenario.reference not in _REFERENCES:
        with TemporaryDirectory(prefix="reference-") as folder:
            made = perform(scenario, Path(folder), "local", LocalEngine())
            refuse("local runner", scenario.name, judge(scenario, made))
            _REFERENCES[scenario.reference] = made
    return _REFERENCES[scenario.reference]


@dataclass(frozen=True, slots=True)
class Performance:
    """What a scenario's run left: the records of the run and of the earlier partitions, and its store."""

    pipeline: Pipeline
    store: Store
    request: RunRequest
    record: RunRecord
    failed_natively: bool
    earlier: tuple[RunRecord, ...]
    evidence: Path
    began: datetime
    ended: datetime
    on_services: bool


def perform(scenario: Scenario, root: Path, name: str, engine: Engine) -> Performance:
    """Runs a scenario on an engine, after the earlier partitions that its windows need."""
    evidence = root / "evidence" / scenario.name
    config = {scenario.evidence: str(evidence)} if scenario.evidence else {}
    pipeline = scenario.pipeline.configured(config)
    request = RunRequest(
        pipeline=scenario.reference,
        partition=scenario.partition,
        run_id=f"{scenario.name}-{name}",
        root=str(root),
        orchestrator=name,
        version=VERSION,
        config=config,
        effects=scenario.effects,
    )
    store = Store(request.root, pipeline, VERSION)
    before = [
        replace(request, partition=key, steps=steps, run_id=f"{request.run_id}-{key}")
        for key, steps in needed(pipeline, store, request).items()
    ]
    began = datetime.now(UTC)
    earlier = tuple(_recorded(pipeline, store, one, engine)[0] for one in before)
    with _coming(scenario, root, evidence):
        record, failed = _recorded(pipeline, store, request, engine)
    served, ended = isinstance(engine, ServiceEngine), datetime.now(UTC)
    return Performance(pipeline, store, request, record, failed, earlier, evidence, began, ended, served)


@contextmanager
def _coming(scenario: Scenario, root: Path, evidence: Path) -> Iterator[None]:
    """Puts a scenario's marker in its place while it runs, some looks after the step before the wait has begun."""
    ended = Event()

    def put() -> None:
        while not (evidence / "before_marker.1").exists():
            if ended.wait(0.1):
                return
        ended.wait(_MARKER_COMES_AFTER)
        place = root / str(scenario.marker)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()

    thread = Thread(target=put, daemon=True) if scenario.marker else None
    if thread:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread:
            thread.join()


def _recorded(pipeline: Pipeline, store: Store, request: RunRequest, engine: Engine) -> tuple[RunRecord, bool]:
    """The record of a run, and whether its engine itself says that it failed."""
    native = engine.run([request])[0]
    return collect(pipeline, store, request, native, engine.version), native.failed


def _against(local: Performance, got: Performance) -> Iterator[Difference]:
    yield from between_records(local.record, got.record)
    for ours, theirs in zip(local.earlier, got.earlier, strict=False):
        yield from between_records(ours, theirs)


def judge(scenario: Scenario, performed: Performance) -> Iterator[Difference]:
    """What in a scenario's run is not as the scenario says, whatever ran it."""
    earlier = {record.date: tuple(step.name for step in record.steps) for record in performed.earlier}
    if earlier != dict(scenario.earlier):
        yield Difference("earlier partitions", None, dict(scenario.earlier), earlier)
    yield from against_expected(scenario.expected, scenario.errors, performed.record)
    failed = any(step.status is Status.FAILED for step in performed.record.steps)
    if performed.failed_natively != failed:
        said = {True: "failed", False: "well"}
        yield Difference("how the engine says that the run ended", None, said[failed], said[performed.failed_natively])
    yield from in_time(performed.pipeline, performed.record, on_services=performed.on_services)
    yield from by_the_clock(performed.record, performed.began, performed.ended)
    yield from _standing(scenario, performed)
    yield from _attempts(performed)
    yield from _elements(scenario, performed)
    yield from _lives(performed)
    for name in scenario.untouched:
        if times := len(list(performed.evidence.glob(f"{name}.[0-9]*"))):
            yield Difference("an effect in a run without effects", name, "not run", f"run {times} times")


def _standing(scenario: Scenario, performed: Performance) -> Iterator[Difference]:
    """What succeeded must stand in the version that was asked for, and nothing else may; elements are judged alone."""
    made = {(step.name, performed.record.date): step.status for step in performed.record.steps}
    made |= {(step.name, record.date): step.status for record in performed.earlier for step in record.steps}
    wanted = {cell for cell, status in made.items() if status is Status.SUCCESS}
    wanted = {(name, date) for name, date in wanted if name not in scenario.elements}
    names = [name for name in performed.pipeline.step_names if name not in scenario.elements]
    found = {(name, key.partition(".")[0]) for name in names for key in performed.store.own_entries(name)}
    for name, date in sorted(wanted ^ found):
        expected, got = ("published", "nothing") if (name, date) in wanted else ("nothing published", date)
        yield Difference(f"what stands in version {VERSION}", name, expected, got)


def _elements(scenario: Scenario, performed: Performance) -> Iterator[Difference]:
    """Each element of a mapped step has attempts of its own, and stands if it ended well, whatever others did."""
    for name, parts in scenario.elements.items():
        stands = set(performed.store.own_entries(name))
        for index, (status, attempts) in enumerate(parts):
            counted = len(list(performed.evidence.glob(f"element_{index + 1}.[0-9]*")))
            if counted != attempts:
                yield Difference(f"attempts of element {index} as it counted them", name, attempts, counted)
            is_there, is_wanted = f"{performed.record.date}.{index}" in stands, status is Status.SUCCESS
            if is_there != is_wanted:
                yield Difference(f"element {index} stands", name, is_wanted, is_there)


def _lives(performed: Performance) -> Iterator[Difference]:
    """A step whose time is up must be dead, not told as failed while it works on."""
    for step in (step for step in performed.pipeline.steps if step.timeout):
        function = step.function.partition(":")[2]
        before = lived(performed.evidence, function)
        if before is None:
            continue
        time.sleep(0.5)
        allowed = step.timeout.total_seconds() if step.timeout else 0.0
        after = lived(performed.evidence, function) or before
        if after > allowed + _KILLED_AFTER:
            yield Difference("time-out", step.name, f"killed after {allowed:g} s", f"alive after {after:.1f} s")
        elif after > before:
            yield Difference("time-out", step.name, "no process of it any more", "it works on")


def _attempts(performed: Performance) -> Iterator[Difference]:
    """The attempts as the step itself counted them, and the waits between them."""
    counted: dict[str, list[float]] = {}
    for mark in sorted(performed.evidence.glob("*.[0-9]*"), key=lambda mark: int(mark.suffix[1:])):
        counted.setdefault(mark.stem, []).append(mark.stat().st_mtime)
    for step in performed.pipeline.steps:
        times = counted.get(step.function.partition(":")[2])
        if times is None:
            continue
        told = performed.record.step(step.name).attempts
        if told != len(times):
            yield Difference("attempts as the step counted them", step.name, len(times), f"{told} told")
        yield from _waits(step, [later - sooner for sooner, later in pairwise(times)])


def _waits(step: Step, waits: Iterable[float]) -> Iterator[Difference]:
    """The waits that are not as long as the retry policy of their step says, whatever was drawn as jitter."""
    for retry, wait in enumerate(waits, 1):
        least, most = (step.retry.delay_before(retry, chance).total_seconds() for chance in (0.0, 1.0))
        if not least - _FILE_TIMES <= wait <= most + ADDED_BY_ENGINE:
            wanted = f"{least:g} s at least, {most:g} s and what the engine adds at most"
            yield Difference("wait before a retry", step.name, wanted, f"{wait:.2f} s")
