"""The two checks: an adapter keeps every property of a pipeline, and runs it like the local runner.

Every check takes an adapter and a scenario, and raises `ConformanceError`, an AssertionError that names each
property with its expected and actual value.
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

from counterpoint.model import PRODUCTION, RunRequest, Status
from counterpoint.runtime import collect, find_pipeline, needed
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
    from counterpoint.testing.scenario import Scenario

# not the default, so that an adapter which loses the version fails
VERSION = "conformance"
_FILE_TIMES = 0.05
# seconds from the end of a wait to the first line of the step: the engine polls, and starts a process
ADDED_BY_ENGINE = 30.0
# seconds that a step may live beyond its time-out: the parent process reads its stack before it kills it
_KILL_TOLERANCE = 4.0
# seconds from the first check for a marker to its creation: some checks find nothing
_MARKER_DELAY = 3.0


def check_round_trip(adapter: Adapter, scenario: Scenario) -> None:
    """Translates a scenario's pipeline and reads it back: every property must be preserved.

    Raises:
        ConformanceError: properties were lost or changed; the message names them.
    """
    read = adapter.read_back(adapter.translate(scenario.pipeline))
    identity = Difference("pipeline", None, "one made from the native object", "the very object that was translated")
    differences = [identity] if read is scenario.pipeline else between_pipelines(scenario.pipeline, read)
    refuse(adapter.name, scenario.name, differences)


def check_behaviour(adapter: Adapter, scenario: Scenario, folder: Path, engine: Engine | None = None) -> None:
    """Runs a scenario on the local runner and with the adapter: statuses, attempts, outputs and order must be equal.

    Args:
        adapter: the adapter.
        scenario: the scenario; the local runner executes it once per process.
        folder: the root of the adapter's run, empty or used by other scenarios.
        engine: how the adapter runs it: by default in this process (`Adapter.run`);
            `counterpoint.services.ServiceEngine(adapter, target)` uses the services of a service environment.

    Raises:
        ConformanceError: the runs differ; the message names every step and property.
    """
    from counterpoint.services import ProcessEngine

    reference, used_engine = _reference(scenario), engine or ProcessEngine(adapter)
    run = run_scenario(scenario, folder, adapter.name, used_engine)
    refuse(adapter.name, scenario.name, [*_compare_runs(reference, run), *judge_run(scenario, run)])
    if scenario.repeats:
        refuse(adapter.name, scenario.name, repeated(run.pipeline, run.store, run.request, run.evidence, used_engine))


def check_schedules(adapter: Adapter, target: ServiceEnvironment, pipeline: str) -> None:
    """On running services, pauses and starts a served pipeline's schedule, each twice, and checks its state.

    The schedule is on afterwards.

    Raises:
        ConformanceError: the adapter reports another state than the requested one.
    """
    states: list[tuple[str, bool | None, bool]] = [("at first", adapter.scheduled(target, pipeline) is not None, True)]
    for on in (False, False, True, True):
        adapter.schedule(target, pipeline, on=on)
        states.append(("started" if on else "paused", adapter.scheduled(target, pipeline), on))
    differences = [
        Difference(f"schedule, {moment}", None, expected, got)
        for moment, got, expected in states
        if got is not expected
    ]
    refuse(adapter.name, pipeline, differences)


_REFERENCES: dict[str, ScenarioRun] = {}


def _reference(scenario: Scenario) -> ScenarioRun:
    """The run of the local runner, which must itself be as the scenario expects."""
    # imported here, because the processes of all scenario steps import this package
    from counterpoint.services import LocalEngine

    if scenario.reference not in _REFERENCES:
        with TemporaryDirectory(prefix="reference-") as folder:
            run = run_scenario(scenario, Path(folder), "local", LocalEngine())
            refuse("local runner", scenario.name, judge_run(scenario, run))
            _REFERENCES[scenario.reference] = run
    return _REFERENCES[scenario.reference]


@dataclass(frozen=True, slots=True)
class ScenarioRun:
    """The results of a scenario's run: the records of the run and of the earlier partitions, and its store."""

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


def run_scenario(scenario: Scenario, root: Path, name: str, engine: Engine) -> ScenarioRun:
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
    earlier_requests = [
        replace(request, partition=key, steps=steps, run_id=f"{request.run_id}-{key}")
        for key, steps in needed(pipeline, store, request).items()
    ]
    for source, keys in scenario.sources.items():
        _publish_source(scenario, replace(request, pipeline=source, version=PRODUCTION, config={}), keys, engine)
    started = datetime.now(UTC)
    earlier = tuple(
        _run_and_collect(pipeline, store, earlier_request, engine)[0] for earlier_request in earlier_requests
    )
    with _marker_put_later(scenario, root, evidence):
        record, failed = _run_and_collect(pipeline, store, request, engine)
    on_services, ended = isinstance(engine, ServiceEngine), datetime.now(UTC)
    return ScenarioRun(pipeline, store, request, record, failed, earlier, evidence, started, ended, on_services)


def _publish_source(scenario: Scenario, request: RunRequest, keys: Iterable[str], engine: Engine) -> None:
    """Makes partitions of a pipeline that the scenario's reads, in production.

    Raises:
        ConformanceError: A run of it did not end well.
    """
    pipeline = find_pipeline(request.pipeline)
    for key in keys:
        run = replace(request, partition=key, run_id=f"{pipeline.name}-{request.run_id}-{key}")
        status = _run_and_collect(pipeline, Store(run.root, pipeline), run, engine)[0].status
        ended = Difference(f"{pipeline.name} of {key}, which it reads", None, Status.SUCCESS, status)
        refuse(request.orchestrator, scenario.name, [ended] if status is not Status.SUCCESS else [])


@contextmanager
def _marker_put_later(scenario: Scenario, root: Path, evidence: Path) -> Iterator[None]:
    """Creates a scenario's marker during its run, some checks after the step before the wait has started."""
    ended = Event()

    def put_marker() -> None:
        while not (evidence / "before_marker.1").exists():
            if ended.wait(0.1):
                return
        ended.wait(_MARKER_DELAY)
        place = root / str(scenario.marker)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()

    thread = Thread(target=put_marker, daemon=True) if scenario.marker else None
    if thread:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread:
            thread.join()


def _run_and_collect(pipeline: Pipeline, store: Store, request: RunRequest, engine: Engine) -> tuple[RunRecord, bool]:
    """The record of a run, and whether its engine reports a failure."""
    native = engine.run([request])[0]
    return collect(pipeline, store, request, native, engine.version), native.failed


def _compare_runs(reference: ScenarioRun, run: ScenarioRun) -> Iterator[Difference]:
    yield from between_records(reference.record, run.record)
    for reference_record, record in zip(reference.earlier, run.earlier, strict=False):
        yield from between_records(reference_record, record)


def judge_run(scenario: Scenario, run: ScenarioRun) -> Iterator[Difference]:
    """The differences between a scenario's run and its expectations, on any engine."""
    earlier = {record.date: tuple(step.name for step in record.steps) for record in run.earlier}
    if earlier != dict(scenario.earlier):
        yield Difference("earlier partitions", None, dict(scenario.earlier), earlier)
    yield from against_expected(scenario.expected, scenario.errors, run.record)
    failed = any(step.status is Status.FAILED for step in run.record.steps)
    if run.failed_natively != failed:
        words = {True: "failed", False: "well"}
        yield Difference("how the engine says that the run ended", None, words[failed], words[run.failed_natively])
    yield from in_time(run.pipeline, run.record, on_services=run.on_services)
    yield from by_the_clock(run.record, run.began, run.ended)
    yield from _published(scenario, run)
    yield from _attempts(run)
    yield from _elements(scenario, run)
    yield from _processes(run)
    for name in scenario.untouched:
        if times := len(list(run.evidence.glob(f"{name}.[0-9]*"))):
            yield Difference("an effect in a run without effects", name, "not run", f"run {times} times")


def _published(scenario: Scenario, run: ScenarioRun) -> Iterator[Difference]:
    """The outputs of exactly the successful steps must be published in the version; `_elements` checks mapped steps."""
    statuses = {(step.name, run.record.date): step.status for step in run.record.steps}
    statuses |= {(step.name, record.date): step.status for record in run.earlier for step in record.steps}
    expected_cells = {cell for cell, status in statuses.items() if status is Status.SUCCESS}
    expected_cells = {(name, date) for name, date in expected_cells if name not in scenario.elements}
    names = [name for name in run.pipeline.step_names if name not in scenario.elements]
    published_cells = {(name, key.partition(".")[0]) for name in names for key in run.store.own_entries(name)}
    for name, date in sorted(expected_cells ^ published_cells):
        expected_text, actual_text = (
            ("published", "nothing") if (name, date) in expected_cells else ("nothing published", date)
        )
        yield Difference(f"what stands in version {VERSION}", name, expected_text, actual_text)


def _elements(scenario: Scenario, run: ScenarioRun) -> Iterator[Difference]:
    """Each element of a mapped step has its own attempts, and is published if it succeeded, also if others failed."""
    for name, expected_elements in scenario.elements.items():
        published = set(run.store.own_entries(name))
        for index, (status, attempts) in enumerate(expected_elements):
            attempts_counted = len(list(run.evidence.glob(f"element_{index + 1}.[0-9]*")))
            if attempts_counted != attempts:
                yield Difference(f"attempts of element {index} as it counted them", name, attempts, attempts_counted)
            is_published, is_expected = f"{run.record.date}.{index}" in published, status is Status.SUCCESS
            if is_published != is_expected:
                yield Difference(f"element {index} stands", name, is_expected, is_published)


def _processes(run: ScenarioRun) -> Iterator[Difference]:
    """A step that timed out must be dead, not only reported as failed."""
    for step in (step for step in run.pipeline.steps if step.timeout):
        function = step.function.partition(":")[2]
        lived_before = lived(run.evidence, function)
        if lived_before is None:
            continue
        time.sleep(0.5)
        allowed = step.timeout.total_seconds() if step.timeout else 0.0
        lived_after = lived(run.evidence, function) or lived_before
        if lived_after > allowed + _KILL_TOLERANCE:
            yield Difference("time-out", step.name, f"killed after {allowed:g} s", f"alive after {lived_after:.1f} s")
        elif lived_after > lived_before:
            yield Difference("time-out", step.name, "no process of it any more", "it works on")


def _attempts(run: ScenarioRun) -> Iterator[Difference]:
    """Compares the recorded attempts and waits with those that the step itself counted."""
    times_by_function: dict[str, list[float]] = {}
    for mark in sorted(run.evidence.glob("*.[0-9]*"), key=lambda mark: int(mark.suffix[1:])):
        times_by_function.setdefault(mark.stem, []).append(mark.stat().st_mtime)
    for step in run.pipeline.steps:
        times = times_by_function.get(step.function.partition(":")[2])
        if times is None:
            continue
        recorded = run.record.step(step.name).attempts
        if recorded != len(times):
            yield Difference("attempts as the step counted them", step.name, len(times), f"{recorded} told")
        yield from _waits(step, [later - sooner for sooner, later in pairwise(times)])


def _waits(step: Step, waits: Iterable[float]) -> Iterator[Difference]:
    """The waits that are outside the range of the step's retry policy with any jitter."""
    for retry, wait in enumerate(waits, 1):
        shortest, longest = (step.retry.delay_before(retry, chance).total_seconds() for chance in (0.0, 1.0))
        if not shortest - _FILE_TIMES <= wait <= longest + ADDED_BY_ENGINE:
            expected = f"{shortest:g} s at least, {longest:g} s and what the engine adds at most"
            yield Difference("wait before a retry", step.name, expected, f"{wait:.2f} s")
