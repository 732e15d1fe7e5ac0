"""Runs a plan: starts units as the queue allows, and reports each partition as one run."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from counterpoint import progress
from counterpoint.backfill.launchers import Launcher, Outcome, states_of
from counterpoint.backfill.plan import PartitionStep, waves
from counterpoint.backfill.queue import drain
from counterpoint.backfill.records import partition_report
from counterpoint.lineage import RunEnvironment, keep_whole
from counterpoint.model import NativeStep, RunRecord, RunRequest, Status, StepRecord, order
from counterpoint.runtime.records import keep_record
from counterpoint.runtime.run_record import assemble, skipped
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from counterpoint.backfill.plan import Plan
    from counterpoint.backfill.queue import LaunchUnit, Queue
    from counterpoint.backfill.records import BackfillRequest
    from counterpoint.model import Step
    from counterpoint.storage import Store

log = logging.getLogger(__name__)


@dataclass
class Runner:
    """One pass through the queue of a plan; `requests` has the request of each partition.

    `goes_on` raises when another process has taken the backfill over.
    """

    requested: BackfillRequest
    plan: Plan
    queue: Queue
    launcher: Launcher
    store: Store
    requests: Mapping[str, RunRequest]
    outcomes: dict[str, list[Outcome]] = field(default_factory=lambda: defaultdict(list))
    goes_on: Callable[[], None] = lambda: None

    def run(self) -> dict[str, Any]:
        """Runs everything to its end; returns the report.

        Raises:
            KeyboardInterrupt, HeldError: interrupted or taken over; the running units of this machine were stopped.
        """
        begun = time.monotonic()
        progress.plan(log, [(cell.key, cell.step) for cell in self.plan.cells])
        try:
            while not self.queue.over:
                self.goes_on()
                for unit in drain(self.queue, lambda unit: self.launcher.holds(unit, self._request(unit))):
                    self.launcher.start(unit, self._request(unit))
                    for cell in unit.cells:
                        progress.start(log, cell.key, cell.step)
                    self._write_states(unit.key)
                ended = self.launcher.ended()
                self.goes_on()
                for outcome in ended:
                    self._end(outcome)
        except BaseException:
            self.launcher.stop()
            raise
        return self._report(time.monotonic() - begun)

    def _request(self, unit: LaunchUnit) -> RunRequest:
        return replace(self.requests[unit.key], steps=unit.steps)

    def _end(self, outcome: Outcome) -> None:
        states = states_of(outcome)
        self.outcomes[outcome.unit.key].append(outcome)
        self.queue.end(outcome.unit, states, outcome.choices)
        for step, status in states.items():
            native = outcome.native.steps.get(step) or NativeStep(status, 0)
            progress.end(log, outcome.unit.key, step, native, outcome.references.get(step))
        self._write_states(outcome.unit.key)

    def _write_states(self, key: str) -> None:
        """Writes the states of a partition's steps for `status`."""
        cells = (PartitionStep(name, key) for name in self.plan.pipeline.step_names)
        states = {cell.step: self.queue.states[cell].value for cell in cells if cell in self.queue.states}
        running = {cell.step: "running" for unit in self.queue.running for cell in unit.cells if cell.key == key}
        path = layout.backfill_states(self.store.pipeline.name, self.requested.version, key)
        self.store.put_json(path, {"steps": {**states, **running}, "run_id": self.requests[key].run_id})

    def _report(self, seconds: float) -> dict[str, Any]:
        requested_keys = set(self.plan.keys)
        partitions = [self._partition(key) for key in sorted(requested_keys | {cell.key for cell in self.plan.cells})]
        failed = any(row["status"] != "success" for row in partitions)
        return {
            "version": self.requested.version,
            "strategy": self.requested.strategy,
            "status": "failed" if failed else "success",
            "partitions": [row for row in partitions if row["date"] in requested_keys],
            "upstream": [row for row in partitions if row["date"] not in requested_keys],
            "seconds": round(seconds, 3),
            "waves": [[f"{cell.step} {cell.key}" for cell in wave] for wave in waves(self.plan)],
            "computed": sum(status is Status.SUCCESS for status in self.queue.states.values()),
            "saved": len(self.plan.saved),
        }

    def _partition(self, key: str) -> dict[str, Any]:
        request = self.requests[key]
        record = self._record(request)
        cells = [
            cell for name in self.plan.pipeline.step_names if (cell := PartitionStep(name, key)) in self.queue.blocked
        ]
        causes = {cause for cell in cells for cause in self.queue.blocked[cell]}
        report = partition_report(key, record, sorted(causes - {key}))
        path = layout.backfill_states(self.store.pipeline.name, self.requested.version, key)
        states = {step.name: step.status.value for step in record.steps}
        blocked = {cell.step: "blocked" for cell in cells}
        self.store.put_json(path, {"steps": {**states, **blocked}, "report": report})
        return report

    def _record(self, request: RunRequest) -> RunRecord:
        """One record of all steps of a partition: those that ran, were reused, or never started."""
        parts = [
            assemble(self.plan.pipeline, self.store, self._request(o.unit), o.native, self.launcher.version)
            for o in self.outcomes[request.partition]
        ]
        known = {step.name: step for part in parts for step in part.steps}
        steps = tuple(
            known.get(s.name) or self._unstarted(PartitionStep(s.name, request.partition)) for s in self._steps(request)
        )
        failed = any(step.status is Status.FAILED for step in steps)
        record = RunRecord(
            run_id=request.run_id,
            pipeline=request.pipeline,
            orchestrator=request.orchestrator,
            orchestrator_version=self.launcher.version,
            date=request.partition,
            version=request.version,
            status=Status.FAILED if failed else Status.SUCCESS,
            started=min((p.started for p in parts if p.started), default=None),
            ended=max((p.ended for p in parts if p.ended), default=None),
            steps=steps,
            lineage=self._lineage(request) if parts else None,
        )
        keep_record(self.store, record)
        return record

    def _steps(self, request: RunRequest) -> list[Step]:
        pipeline, key = self.plan.pipeline, request.partition
        is_requested = key in self.plan.keys
        return [pipeline.step(n) for n in order(pipeline) if is_requested or PartitionStep(n, key) in self.plan.waits]

    def _unstarted(self, cell: PartitionStep) -> StepRecord:
        status = self.queue.states.get(cell)
        if status is not None:
            return StepRecord(cell.step, status)
        entry, step = self.store.entry(*cell), self.plan.pipeline.step(cell.step)
        if entry is None or step.effect:  # its branch, or a run without effects, skips it
            return skipped(step, self.requests[cell.key])
        return StepRecord(cell.step, Status.SUCCESS, output=entry.reference, reused=True)

    @cached_property
    def _around(self) -> RunEnvironment:
        return RunEnvironment.of(self.plan.pipeline, self.store.root)

    def _lineage(self, request: RunRequest) -> str:
        pipeline = self.plan.pipeline
        return keep_whole(self.store, pipeline, request, self._around)
