"""A backfill from what was asked for to its report: plan, queue, run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from counterpoint.adapter import Backfills
from counterpoint.alerts import release as tell_held
from counterpoint.backfill.launchers import LocalLauncher, ProcessLauncher, ServiceLauncher
from counterpoint.backfill.lease import claim
from counterpoint.backfill.native import NativeLauncher, orders_of
from counterpoint.backfill.plan import PartitionStep, Plan, inputs_of, make_plan
from counterpoint.backfill.queue import Granularity
from counterpoint.backfill.runner import Runner
from counterpoint.backfill.snapshot import UNKNOWN_SECONDS, Snapshot, freshness_of, is_kept, seconds_of
from counterpoint.backfill.strategy import Strategy, queue_of
from counterpoint.errors import SourceError, StaleInputError, StepError, UsageError
from counterpoint.model import BackfillOrder, RunRequest, is_read, part_of
from counterpoint.redaction import sealed
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.freshness import Freshness
from counterpoint.services.engines import LocalEngine, ServiceEngine
from counterpoint.services.launch import look, new_run_id
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.backfill.launchers import Launcher
    from counterpoint.backfill.queue import Queue
    from counterpoint.backfill.records import BackfillRequest
    from counterpoint.model import Pipeline
    from counterpoint.services.engines import Engine


@dataclass(frozen=True)
class Prepared:
    """A planned backfill: nothing has been started."""

    asked: BackfillRequest
    root: str
    pipeline: Pipeline
    plan: Plan
    steps_seconds: dict[str, float]
    run_id: str

    @property
    def seconds(self) -> dict[PartitionStep, float]:
        """What each cell is expected to take."""
        return {cell: self.steps_seconds.get(cell.step, UNKNOWN_SECONDS) for cell in self.plan.cells}

    def queue(self, strategy: Strategy, grain: Granularity, slots: int) -> Queue:
        """What may run next, by what is known of the durations."""
        known = {cell.step for cell in self.plan.cells} <= set(self.steps_seconds)
        return queue_of(self.plan, strategy, grain, slots, self.seconds, known=known)

    def request(self, key: str) -> RunRequest:
        """The request of a partition."""
        return part_of(self.shared, key, None)

    @property
    def shared(self) -> RunRequest:
        """What the requests of all partitions share."""
        asked = self.asked
        return RunRequest(
            asked.pipeline,
            "",
            self.run_id,
            self.root,
            asked.orchestrator,
            asked.version,
            config=asked.config,
            force=asked.force,
            effects=asked.effects,
        )


def keys_of(pipeline: Pipeline, asked: BackfillRequest) -> tuple[str, ...]:
    """The partitions that were asked for.

    Raises:
        UsageError: a key has another form or lies before the pipeline's start, or the range is reversed.
    """
    for key in (asked.first, asked.last):
        pipeline.partitions.partition(key)
    keys = pipeline.partitions.range(asked.first, asked.last)
    if not keys:
        raise UsageError(f"the range {asked.first} to {asked.last} is reversed: write --from {asked.last}")
    return keys


def prepare(asked: BackfillRequest, root: str, *, upstream: bool = True, verify: bool = False) -> Prepared:
    """Plans a backfill; reads only.

    What stands and will be read by a step of the plan is read here before, so that what is damaged is made again; with
    `verify` all that stands is.

    Raises:
        UsageError: the range is wrong, or a window reaches before the pipeline's first partition.
        MissingInputError: another partition is needed, and `upstream` is false.
    """
    asked = replace(asked, config=sealed(asked.config))
    pipeline = find_pipeline(asked.pipeline).configured(asked.config)
    keys = keys_of(pipeline, asked)
    store = Snapshot(root, pipeline, asked.version)

    known: dict[PartitionStep, Freshness] = {}

    def look_at(cell: PartitionStep, *, verify: bool) -> Freshness:
        request = RunRequest(asked.pipeline, cell.key, "", root, asked.orchestrator, asked.version, (), asked.config)
        known[cell] = freshness_of(store, request, cell, verify=verify)
        return known[cell]

    def found(cell: PartitionStep) -> Freshness:
        return known[cell] if cell in known else look_at(cell, verify=verify)

    if asked.stale_only:
        keys = _stale(pipeline, keys, found)
    chosen, forced = set(keys), set(keys) if asked.force else set()

    def stands(cell: PartitionStep) -> bool:
        if cell.key in chosen and pipeline.step(cell.step).effect:
            # what comes after one that is not run is skipped with it, so that one is told of by the run
            return not asked.effects and not is_read(pipeline, cell.step)
        return cell.key not in forced and found(cell).is_settled

    def planned() -> Plan:
        return _without_effects(make_plan(pipeline, keys, stands, upstream=upstream))

    plan, read = planned(), set[PartitionStep]()
    while not verify and (
        inputs := {cell for cell, given in inputs_of(plan) if not is_kept(store, cell, given)} - read
    ):
        read |= inputs
        for cell in inputs:
            look_at(cell, verify=True)
        plan = planned()
    run_id = new_run_id(pipeline.name, "backfill", asked.orchestrator)
    return Prepared(asked, root, pipeline, plan, seconds_of(plan, store), run_id)


def _without_effects(plan: Plan) -> Plan:
    """The plan in which an effect that is not run does not count as saved: nothing of it is taken into the version."""
    return replace(plan, saved=tuple(cell for cell in plan.saved if not plan.pipeline.step(cell.step).effect))


def _stale(pipeline: Pipeline, keys: tuple[str, ...], found: Callable[[PartitionStep], Freshness]) -> tuple[str, ...]:
    """The partitions of which something stands that is stale, or rests on what is."""
    standing = {key for key in keys if found(PartitionStep(pipeline.step_names[0], key)) is not Freshness.MISSING}
    plan = make_plan(pipeline, sorted(standing), lambda cell: found(cell) not in {Freshness.STALE, Freshness.DAMAGED})
    return tuple(sorted({cell.key for cell in plan.cells if cell.key in standing}))


def run(prepared: Prepared, engine: Engine, *, take_over: bool = False) -> dict[str, Any]:
    """Runs a planned backfill; returns its report, which is recorded too.

    Raises:
        HeldError: another process works on one of the partitions, or took this backfill over: it has stopped.
        SourceError, StaleInputError: a source is wrong or too old for each of the partitions; nothing was run.
        KeyboardInterrupt: it was interrupted; what has ended stands, and the same command goes on from there.
    """
    store = Store(prepared.root, prepared.pipeline, prepared.asked.version)
    requests = {key: prepared.request(key) for key in dict.fromkeys((*prepared.plan.keys, *_keys(prepared.plan)))}
    _look(prepared, store, requests)
    lease = claim(store, prepared.asked, take_over=take_over)
    report: dict[str, Any] | None = None
    try:
        with lease:
            _pin(store, prepared.plan)
            report = replace(_runner(prepared, engine, store, requests), goes_on=lease.refuse_lost).run()
    finally:
        lease.release(report)
        tell_held(store, prepared.asked.version)
    return report


def _look(prepared: Prepared, store: Store, requests: dict[str, RunRequest]) -> None:
    """A source that is wrong for every partition is an error now; for some of them, these fail alone."""
    errors: dict[PartitionStep, StepError] = {}
    cells = [cell for cell in prepared.plan.cells if prepared.pipeline.step(cell.step).observe]
    for cell in cells:
        try:
            look(prepared.pipeline, store, replace(requests[cell.key], steps=(cell.step,)))
        except (SourceError, StaleInputError) as error:
            errors[cell] = error
    if cells and len(errors) == len(cells):
        raise errors[cells[0]]


def _keys(plan: Plan) -> tuple[str, ...]:
    return tuple(cell.key for cell in plan.cells)


def _pin(store: Store, plan: Plan) -> None:
    """Takes what stands in production and is fresh into the version, which then does not change with production."""
    for cell in plan.saved:
        entry = store.entry(*cell)
        if entry is not None:
            store.pin(entry)


def _runner(prepared: Prepared, engine: Engine, store: Store, requests: dict[str, RunRequest]) -> Runner:
    launcher = launcher_for(engine, prepared)
    strategy, slots = Strategy(prepared.asked.strategy), prepared.asked.parallel
    if isinstance(launcher, NativeLauncher):  # the orchestrator holds back what is too much at once
        strategy, slots = Strategy.PARALLEL, max(1, len(prepared.plan.cells))
    queue = prepared.queue(strategy, launcher.grain, slots)
    return Runner(prepared.asked, prepared.plan, queue, launcher, store, requests)


def launcher_for(engine: Engine, prepared: Prepared) -> Launcher:
    """What runs the units of a backfill on an engine."""
    asked, plan = prepared.asked, prepared.plan
    if isinstance(engine, LocalEngine):
        return LocalLauncher(plan, asked.parallel, engine.version)
    if not isinstance(engine, ServiceEngine):
        return ProcessLauncher(engine)  # type: ignore[arg-type]  # there are three engines
    kind = engine.adapter.backfills
    # an output without partitions is made by each of them in turn, which no orchestrator's backfill does
    if kind is Backfills.NONE or not all(step.output.partitioned for step in plan.pipeline.steps):
        return ServiceLauncher(engine)
    # one that launches whatever has its inputs does not know what else is waited for
    if kind is Backfills.ANY and any(step.waits for step in plan.pipeline.steps):
        return ServiceLauncher(engine)
    if kind is Backfills.RUNS:
        return ServiceLauncher(engine, BackfillOrder(prepared.shared, {}, asked.parallel))
    unbroken = kind is Backfills.RANGE
    orders = orders_of(plan, Strategy(asked.strategy), prepared.shared, asked.parallel, unbroken=unbroken)
    return NativeLauncher(engine, orders)


def grain_of(orchestrator: str) -> Granularity:
    """What an orchestrator starts as one piece."""
    return Granularity.STEP if orchestrator == "local" else Granularity.RUN
