"""A backfill from its request to its report: plan, queue, run."""

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
from counterpoint.runtime.external import check_external
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

    requested: BackfillRequest
    root: str
    pipeline: Pipeline
    plan: Plan
    steps_seconds: dict[str, float]
    run_id: str

    @property
    def seconds(self) -> dict[PartitionStep, float]:
        """The expected duration of each cell."""
        return {cell: self.steps_seconds.get(cell.step, UNKNOWN_SECONDS) for cell in self.plan.cells}

    def queue(self, strategy: Strategy, grain: Granularity, slots: int) -> Queue:
        """The queue of the plan, ordered by the expected durations."""
        known = {cell.step for cell in self.plan.cells} <= set(self.steps_seconds)
        return queue_of(self.plan, strategy, grain, slots, self.seconds, known=known)

    def request(self, key: str) -> RunRequest:
        """The request of a partition."""
        return part_of(self.shared, key, None)

    @property
    def shared(self) -> RunRequest:
        """The request that all partitions share, without a partition."""
        requested = self.requested
        return RunRequest(
            requested.pipeline,
            "",
            self.run_id,
            self.root,
            requested.orchestrator,
            requested.version,
            config=requested.config,
            force=requested.force,
            effects=requested.effects,
            env=requested.env,
            tracking=requested.tracking,
            secrets=requested.secrets,
            variables=requested.variables,
        )


def keys_of(pipeline: Pipeline, requested: BackfillRequest) -> tuple[str, ...]:
    """The requested partitions.

    Raises:
        UsageError: a key has another form or lies before the pipeline's start, or the range is reversed.
    """
    for key in (requested.first, requested.last):
        pipeline.partitions.partition(key)
    keys = pipeline.partitions.range(requested.first, requested.last)
    if not keys:
        raise UsageError(f"the range {requested.first} to {requested.last} is reversed: write --from {requested.last}")
    return keys


def prepare(requested: BackfillRequest, root: str, *, upstream: bool = True, verify: bool = False) -> Prepared:
    """Plans a backfill; reads only.

    Existing outputs that a step of the plan will read are checked here, so that damaged ones are planned again.

    Args:
        requested: What to backfill.
        root: Where the data lies.
        upstream: Whether missing partitions before the range are planned too.
        verify: Whether all existing outputs are checked.

    Raises:
        UsageError: the range is wrong, or a window reaches before the pipeline's first partition.
        MissingInputError: another partition is needed, and `upstream` is false.
    """
    requested = replace(requested, config=sealed(requested.config))
    pipeline = find_pipeline(requested.pipeline).configured(requested.config)
    keys = keys_of(pipeline, requested)
    check_external(pipeline)
    store = Snapshot(root, pipeline, requested.version)

    known: dict[PartitionStep, Freshness] = {}

    def check(cell: PartitionStep, *, verify: bool) -> Freshness:
        request = RunRequest(
            requested.pipeline, cell.key, "", root, requested.orchestrator, requested.version, (), requested.config
        )
        known[cell] = freshness_of(store, request, cell, verify=verify)
        return known[cell]

    def known_freshness(cell: PartitionStep) -> Freshness:
        return known[cell] if cell in known else check(cell, verify=verify)

    if requested.stale_only:
        keys = _stale(pipeline, keys, known_freshness)
    chosen, forced = set(keys), set(keys) if requested.force else set()

    def stands(cell: PartitionStep) -> bool:
        if cell.key in chosen and pipeline.step(cell.step).effect:
            # steps after an effect that is not run are skipped with it, so the run must report the effect itself
            return not requested.effects and not is_read(pipeline, cell.step)
        return cell.key not in forced and known_freshness(cell).is_settled

    def planned() -> Plan:
        return _without_effects(make_plan(pipeline, keys, stands, upstream=upstream))

    plan, checked = planned(), set[PartitionStep]()
    while not verify and (
        inputs := {cell for cell, step_input in inputs_of(plan) if not is_kept(store, cell, step_input)} - checked
    ):
        checked |= inputs
        for cell in inputs:
            check(cell, verify=True)
        plan = planned()
    run_id = new_run_id(pipeline.name, "backfill", requested.orchestrator)
    return Prepared(requested, root, pipeline, plan, seconds_of(plan, store), run_id)


def _without_effects(plan: Plan) -> Plan:
    """The plan without effects among its saved cells: an effect that is not run has no output to pin."""
    return replace(plan, saved=tuple(cell for cell in plan.saved if not plan.pipeline.step(cell.step).effect))


def _stale(pipeline: Pipeline, keys: tuple[str, ...], state: Callable[[PartitionStep], Freshness]) -> tuple[str, ...]:
    """The partitions with an existing output that is stale or damaged, or that rests on such an output."""
    existing = {key for key in keys if state(PartitionStep(pipeline.step_names[0], key)) is not Freshness.MISSING}
    plan = make_plan(pipeline, sorted(existing), lambda cell: state(cell) not in {Freshness.STALE, Freshness.DAMAGED})
    return tuple(sorted({cell.key for cell in plan.cells if cell.key in existing}))


def run(prepared: Prepared, engine: Engine, *, take_over: bool = False) -> dict[str, Any]:
    """Runs a planned backfill; records its report and returns it.

    Raises:
        HeldError: another process works on one of the partitions, or took this backfill over, which then stopped.
        SourceError, StaleInputError: a source is wrong or too old for every partition; nothing was run.
        KeyboardInterrupt: the backfill was interrupted; finished steps are kept, and the same command continues it.
    """
    store = Store(prepared.root, prepared.pipeline, prepared.requested.version)
    requests = {key: prepared.request(key) for key in dict.fromkeys((*prepared.plan.keys, *_keys(prepared.plan)))}
    _check_sources(prepared, store, requests)
    lease = claim(store, prepared.requested, take_over=take_over)
    report: dict[str, Any] | None = None
    try:
        with lease:
            _pin(store, prepared.plan)
            report = replace(_runner(prepared, engine, store, requests), goes_on=lease.refuse_lost).run()
    finally:
        lease.release(report)
        tell_held(store, prepared.requested.version)
    return report


def _check_sources(prepared: Prepared, store: Store, requests: dict[str, RunRequest]) -> None:
    """Raises if a source is wrong for every partition; if it is wrong for some, only these fail later."""
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
    """Pins fresh outputs of production in the version, so that the version does not change with production."""
    for cell in plan.saved:
        entry = store.entry(*cell)
        if entry is not None:
            store.pin(entry)


def _runner(prepared: Prepared, engine: Engine, store: Store, requests: dict[str, RunRequest]) -> Runner:
    launcher = launcher_for(engine, prepared)
    strategy, slots = Strategy(prepared.requested.strategy), prepared.requested.parallel
    if isinstance(launcher, NativeLauncher):  # the orchestrator itself limits how much runs at once
        strategy, slots = Strategy.PARALLEL, max(1, len(prepared.plan.cells))
    queue = prepared.queue(strategy, launcher.grain, slots)
    return Runner(prepared.requested, prepared.plan, queue, launcher, store, requests)


def launcher_for(engine: Engine, prepared: Prepared) -> Launcher:
    """The launcher of a backfill's units on an engine."""
    requested, plan = prepared.requested, prepared.plan
    if isinstance(engine, LocalEngine):
        return LocalLauncher(plan, requested.parallel, engine.version)
    if not isinstance(engine, ServiceEngine):
        return ProcessLauncher(engine)  # type: ignore[arg-type]  # there are three engines
    # on a team's server a backfill of ours would meet those of the team, which must not be cancelled
    kind = engine.adapter.backfills if engine.target.is_ours else Backfills.NONE
    # every partition replaces an output without partitions in turn, which no orchestrator's backfill does
    if kind is Backfills.NONE or not all(step.output.partitioned for step in plan.pipeline.steps):
        return ServiceLauncher(engine)
    # a backfill that launches whatever has its inputs does not know the other waits of a step
    if kind is Backfills.ANY and any(step.waits for step in plan.pipeline.steps):
        return ServiceLauncher(engine)
    if kind is Backfills.RUNS:
        return ServiceLauncher(engine, BackfillOrder(prepared.shared, {}, requested.parallel))
    unbroken = kind is Backfills.RANGE
    orders = orders_of(plan, Strategy(requested.strategy), prepared.shared, requested.parallel, unbroken=unbroken)
    return NativeLauncher(engine, orders)


def grain_of(orchestrator: str) -> Granularity:
    """The unit that an orchestrator starts: a step here, otherwise a run."""
    return Granularity.STEP if orchestrator == "local" else Granularity.RUN
