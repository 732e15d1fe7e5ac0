"""The circuit breaker of a step across runs, kept in the store and changed by compare-and-swap.

Closed: the step runs. Open: the step is refused until its reset time has passed. Half-open: one run, the probe, tries
the step; all other runs are refused. Only production runs count, each of them once, whatever its attempts and elements.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from counterpoint.alerts import Alert, tell
from counterpoint.commands import command
from counterpoint.errors import SwitchedOffError
from counterpoint.model import PRODUCTION, FailureClass, Severity
from counterpoint.runtime.hooks import StepHook, harmless
from counterpoint.runtime.notifications import note_told
from counterpoint.storage import layout
from counterpoint.storage.objects import json_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from counterpoint.model import Breaker, ErrorInfo
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product
    from counterpoint.storage.objects import Objects

NOT_COUNTED = frozenset({FailureClass.GATE_NOT_PASSED, FailureClass.UPSTREAM_FAILED, FailureClass.SWITCHED_OFF})
# room for runs that began before those that count and may still end
_SPARE = 10


@dataclass(frozen=True, slots=True)
class Circuit:
    """The circuit of a step: its latest runs, oldest first, each with the elements that failed.

    `opened` is when the step was switched off, `probe` the run that tries it, and `probed` when that run last began an
    attempt.
    """

    runs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    opened: str | None = None
    probe: str | None = None
    probed: str | None = None

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        if self.opened is None:
            return "closed"
        return "open" if self.probe is None else "half-open"

    @property
    def in_a_row(self) -> int:
        """The number of runs that have failed since the last success."""
        return next((n for n, (_, failed) in enumerate(reversed(self.runs)) if not failed), len(self.runs))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"state": self.state, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        fields = {name: value for name, value in values.items() if name != "state"}
        return cls(**{**fields, "runs": tuple((run, tuple(failed)) for run, failed in values["runs"])})


class CircuitBreaker(StepHook):
    """Refuses a step that failed in too many runs in a row."""

    order = 450

    def calling(self, context: StepContext, fingerprint: str) -> dict[str, Any]:  # noqa: ARG002 - of the hook
        """Lets the step be computed, unless it is switched off."""
        admit(context)
        return {}

    def after(self, context: StepContext, product: Product) -> None:
        """Counts the success, which closes the circuit."""
        if not product.reused:
            with harmless(f"{context.step.name} was not counted"):
                count_success(context)

    def given_up(self, context: StepContext, error: ErrorInfo) -> None:
        """Counts the failure, and raises an alert if it switched the step off."""
        if circuit := count_failure(context, FailureClass(error.failure)):
            note_told(context, [tell(context.store, switched_off(context, circuit))])


def tried(circuit: Circuit, breaker: Breaker, run: str, now: datetime, patience: timedelta) -> Circuit | None:
    """The circuit after a run is let through, or None when the run is refused.

    A probe that has begun no attempt for `patience` is given up, and this run replaces it.
    """
    if circuit.opened is None:
        return circuit
    reset_passed = now >= datetime.fromisoformat(circuit.opened) + breaker.reset
    probe_timed_out = circuit.probed is not None and now >= datetime.fromisoformat(circuit.probed) + patience
    if circuit.probe == run or (reset_passed if circuit.probe is None else probe_timed_out):
        return replace(circuit, probe=run, probed=now.isoformat())
    return None


def failed(circuit: Circuit, breaker: Breaker, run: str, element: str, now: datetime) -> Circuit:
    """The circuit after a run failed for good."""
    after = _noted(circuit, breaker, run, lambda elements: elements | {element})
    opens = circuit.opened is None and after.in_a_row >= breaker.failures
    if opens or circuit.probe == run:
        return replace(after, opened=now.isoformat(), probe=None, probed=None)
    return after


def succeeded(circuit: Circuit, breaker: Breaker, run: str, element: str) -> Circuit:
    """The circuit after a step, or one element of it, ended well: closed, unless another element of the run failed."""
    if circuit.opened is None and not circuit.in_a_row:
        return circuit
    after = _noted(circuit, breaker, run, lambda elements: elements - {element})
    return after if dict(after.runs)[run] else replace(after, opened=None, probe=None, probed=None)


def _noted(circuit: Circuit, breaker: Breaker, run: str, change: Callable[[frozenset[str]], frozenset[str]]) -> Circuit:
    runs = dict(circuit.runs)
    runs[run] = tuple(sorted(change(frozenset(runs.get(run, ())))))
    return replace(circuit, runs=tuple(runs.items())[-breaker.failures - _SPARE :])


def admit(context: StepContext, now: datetime | None = None) -> None:
    """Lets a step be computed, unless it is switched off.

    Raises:
        SwitchedOffError: The step is switched off; the message says until when and how to switch it on.
    """
    breaker, moment = context.step.breaker, now or datetime.now(UTC)
    if breaker is None or context.request.version != PRODUCTION:
        return
    patience = max(breaker.reset, context.step.timeout or timedelta(0))
    refused: list[Circuit] = []

    def becomes(circuit: Circuit) -> Circuit:
        refused.clear()
        admitted = tried(circuit, breaker, context.request.run_id, moment, patience)
        if admitted is None:
            refused.append(circuit)
        return admitted or circuit

    _change(context, becomes)
    if refused:
        raise SwitchedOffError(_refusal(context, refused[0], breaker))


def _refusal(context: StepContext, circuit: Circuit, breaker: Breaker) -> str:
    how = f"until {_until(circuit, breaker)}" if circuit.probe is None else f"while run {circuit.probe} tries it"
    alert = switched_off(context, circuit)
    return (
        f"step {context.step.name} failed in {circuit.in_a_row} runs in a row and is switched off {how}: mend its cause"
        f" and wait, or switch it on by '{alert.command}'"
    )


def _until(circuit: Circuit, breaker: Breaker) -> str:
    return f"{datetime.fromisoformat(str(circuit.opened)) + breaker.reset:%Y-%m-%d %H:%M:%S} UTC"


def switched_off(context: StepContext, circuit: Circuit) -> Alert:
    """The alert that a step is switched off, until when, and how it is switched on."""
    assert context.step.breaker is not None  # noqa: S101 - only a step with a breaker is switched off
    until = _until(circuit, context.step.breaker)
    alert = Alert(
        severity=Severity.P0,
        failure=FailureClass.SWITCHED_OFF,
        pipeline=context.pipeline.name,
        title=f"{context.pipeline.name}: {context.step.name} is switched off until {until}",
        detail=f"It failed in {circuit.in_a_row} runs in a row. One run may try it then; or mend it and switch it on.",
        step=context.step.name,
        partition=context.request.partition,
        run_id=context.request.run_id,
        orchestrator=context.request.orchestrator,
    )
    return replace(alert, command=command("alerts", "ack", alert.id, "--reset", root=context.request.root))


def count_failure(context: StepContext, failure: FailureClass, now: datetime | None = None) -> Circuit | None:
    """Counts the failure of a run after its last attempt; returns the circuit if that switched the step off."""
    breaker, moment = context.step.breaker, now or datetime.now(UTC)
    if breaker is None or context.request.version != PRODUCTION or failure in NOT_COUNTED:
        return None
    after = _change(
        context, lambda circuit: failed(circuit, breaker, context.request.run_id, _element(context), moment)
    )
    return after if after.opened == moment.isoformat() else None


def count_success(context: StepContext) -> None:
    """Counts that a run computed the step."""
    breaker = context.step.breaker
    if breaker is not None and context.request.version == PRODUCTION:
        _change(context, lambda circuit: succeeded(circuit, breaker, context.request.run_id, _element(context)))


def _element(context: StepContext) -> str:
    return "" if context.index is None else str(context.index)


def _change(context: StepContext, becomes: Callable[[Circuit], Circuit]) -> Circuit:
    """Replaces the circuit by `becomes(circuit)`, also when several runs change it at once; returns the new circuit."""
    path = layout.breaker(context.pipeline.name, context.step.name)
    while True:
        stored = context.store.find(path)
        circuit = Circuit() if stored is None else Circuit.from_dict(context.store.parsed(path, stored.data))
        new = becomes(circuit)
        if new == circuit or context.store.compare_and_swap(path, json_bytes(new.to_dict()), stored):
            return new


def switch_on(store: Objects, pipeline: str, step: str) -> None:
    """Closes the circuit of a step by hand, as if nothing had failed."""
    store.put_among_swaps(layout.breaker(pipeline, step), json_bytes(Circuit().to_dict()))
