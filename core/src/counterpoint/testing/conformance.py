"""The two proofs: an adapter keeps every property of a pipeline, and runs it as the local runner does.

Every check takes an adapter and a scenario, and raises `ConformanceError`, an AssertionError that names each
property, what was expected and what was got.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from counterpoint.model import RunRequest, Status
from counterpoint.running import collect, needed
from counterpoint.storage import Store
from counterpoint.testing.differences import (
    Difference,
    against_expected,
    between_pipelines,
    between_records,
    in_time,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from counterpoint.adapter import Adapter, Site
    from counterpoint.model import Pipeline, RunRecord, Step
    from counterpoint.services.engines import Engine
    from counterpoint.testing.scenarios import Scenario

# not the default one, so that an adapter which loses it is found out
VERSION = "conformance"
_FILE_TIMES = 0.05
# seconds from the end of a wait to the first line of the step: its engine looks again, and starts a process
ADDED_BY_ENGINE = 30.0


def check_round_trip(adapter: Adapter, scenario: Scenario) -> None:
    """Translates a scenario's pipeline and reads it back: every property must be there again.

    Raises:
        ConformanceError: names the properties that were lost or changed.
    """
    read = adapter.read_back(adapter.translate(scenario.pipeline))
    refuse(adapter.name, scenario.name, between_pipelines(scenario.pipeline, read))


def check_behaviour(adapter: Adapter, scenario: Scenario, folder: Path, engine: Engine | None = None) -> None:
    """Runs a scenario on the local runner and by the adapter: statuses, attempts, outputs, order must be equal.

    The adapter's run writes below `folder`, an empty one or that of other scenarios. `engine` says how it runs: by
    default in this process (`Adapter.run`); `counterpoint.services.ServiceEngine(adapter, site)` runs it on the
    services of a site. The local runner runs each scenario once a process.

    Raises:
        ConformanceError: names every step and property that differs.
    """
    from counterpoint.services import ProcessEngine

    reference = _reference(scenario)
    got = perform(scenario, folder, adapter.name, engine or ProcessEngine(adapter))
    refuse(adapter.name, scenario.name, [*_against(reference, got), *judge(scenario, got)])


def check_schedules(adapter: Adapter, site: Site, pipeline: str) -> None:
    """On running services, pauses and starts a served pipeline's schedule, each twice, and looks; it ends started.

    Raises:
        ConformanceError: names what was asked for, and what the adapter tells then.
    """
    told: list[tuple[str, bool | None, bool]] = [("at first", adapter.scheduled(site, pipeline) is not None, True)]
    for on in (False, False, True, True):
        adapter.schedule(site, pipeline, on=on)
        told.append(("started" if on else "paused", adapter.scheduled(site, pipeline), on))
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
    record: RunRecord
    earlier: tuple[RunRecord, ...]
    evidence: Path


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
    )
    store = Store(request.root, pipeline, VERSION)
    before = [
        replace(request, partition=key, steps=steps, run_id=f"{request.run_id}-{key}")
        for key, steps in needed(pipeline, store, request).items()
    ]
    earlier = tuple(_recorded(pipeline, store, one, engine) for one in before)
    return Performance(pipeline, store, _recorded(pipeline, store, request, engine), earlier, evidence)


def _recorded(pipeline: Pipeline, store: Store, request: RunRequest, engine: Engine) -> RunRecord:
    return collect(pipeline, store, request, engine.run([request])[0], engine.version)


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
    yield from in_time(performed.pipeline, performed.record)
    yield from _standing(performed)
    yield from _attempts(performed)


def _standing(performed: Performance) -> Iterator[Difference]:
    """What succeeded must stand in the version that was asked for, and nothing else may."""
    made = {(step.name, performed.record.date): step.status for step in performed.record.steps}
    made |= {(step.name, record.date): step.status for record in performed.earlier for step in record.steps}
    wanted = {cell for cell, status in made.items() if status is Status.SUCCESS}
    names = performed.pipeline.step_names
    found = {(name, key.partition(".")[0]) for name in names for key in performed.store.own_entries(name)}
    for name, date in sorted(wanted ^ found):
        expected, got = ("published", "nothing") if (name, date) in wanted else ("nothing published", date)
        yield Difference(f"what stands in version {VERSION}", name, expected, got)


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
