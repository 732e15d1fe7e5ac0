"""Executing one attempt at a step: the same code in every orchestrator's worker and in the local runner.

An attempt is resolved (what its inputs refer to), fingerprinted (all that decides its output), called (the user's
function), checked (against the contract), written and published. Whatever else follows an attempt is a hook.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ContractError
from counterpoint.model import ArtifactRef, Materialization, OutputKind, RunRequest, StepRecord
from counterpoint.model.code import loading
from counterpoint.runtime.context import StepContext, context_of
from counterpoint.runtime.devices import device_used
from counterpoint.runtime.effects import note_done, refuse_held_back
from counterpoint.runtime.failure_recorder import failed, is_last, told
from counterpoint.runtime.hooks import Hooks, StepHook, installed
from counterpoint.runtime.inputs import (
    Given,
    count_of,
    digests,
    fingerprint,
    function_of,
    observed,
    references_of,
    values_of,
)
from counterpoint.runtime.logs import keeping_log
from counterpoint.runtime.meter import Meter
from counterpoint.runtime.outputs import Checked, Product, check, keep_rejected, write
from counterpoint.runtime.provided import provided
from counterpoint.runtime.reuse import renewed, reusable, standing_product
from counterpoint.runtime.staleness import as_of, refuse_old
from counterpoint.runtime.written import Code, unknown, warn
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def elements(request: RunRequest, step: str, references: Mapping[str, Any]) -> int:
    """How many elements a mapped step has in this run."""
    return count_of(context_of(request, step), references)


def element_count(request: RunRequest, step: str, references: Mapping[str, Any], *, attempt: int = 1) -> int:
    """As `elements`, for who counts them in a task of its own: that it could not be done is recorded.

    Raises:
        Exception: there is no list, or it could not be read; the step has failed.
    """
    try:
        return elements(request, step, references)
    except Exception as error:
        record_failure(request, step, error, attempt=attempt, index=0)
        raise


def execute(
    request: RunRequest,
    step: str,
    references: Mapping[str, Any] | None = None,
    *,
    attempt: int = 1,
    index: int | None = None,
    hooks: Sequence[StepHook] = (),
) -> ArtifactRef:
    """Executes one step of a run and publishes its output; what stands and is fresh is not computed again.

    An effect is run whatever stands, but once in a run: what ended well is not run again by a retry of it.

    Args:
        request: The run.
        step: The name of the step.
        references: By the names of upstream steps of this run, their references (a list for a mapped step); one that is
            absent failed or was skipped.
        attempt: Its number, from 1.
        index: The element of a mapped step.
        hooks: Hooks for this call, beside those that are installed.

    Returns:
        The reference of the step's output.

    Raises:
        Exception: Whatever the step function raises, after it has been recorded; nothing is published then.
    """
    context, meter, given = context_of(request, step, index, attempt), Meter(), dict[str, Given]()
    following = Hooks([*installed(), *hooks]) if hooks else installed()
    with keeping_log() as lines:
        try:
            product = _executed(context, references or {}, given, following)
        except Exception as error:
            record = failed(context, error, given=given, log=lines)
            _fail(context, meter, record, following)
            if (public := told(error, record)) is not error:
                raise public from None
            raise
    _record(context, meter, product.record(context))
    if context.step.output.kind is OutputKind.BRANCH:
        context.store.withdraw(context.request.partition)
    following.after(context, product)
    return product.reference


def record_failure(
    request: RunRequest, step: str, error: Exception, *, attempt: int = 1, index: int | None = None
) -> None:
    """Records the failure of a step whose process could not do so itself."""
    context = context_of(request, step, index, attempt)
    _fail(context, Meter(), failed(context, error), installed())


def _fail(context: StepContext, meter: Meter, record: StepRecord, hooks: Hooks) -> None:
    _record(context, meter, record)
    if record.error is not None and is_last(context, record.error):
        hooks.given_up(context, record.error)
    hooks.failed(context, record)


def _executed(context: StepContext, passed: Mapping[str, Any], given: dict[str, Given], hooks: Hooks) -> Product:
    """The walk of one attempt; `given` is filled with what was resolved, for whoever explains a failure."""
    refuse_held_back(context)
    taken = hooks.before(context)
    given.update(references_of(context, passed))
    if taken is not None:
        return standing_product(context, taken)
    stamp = _fingerprint(context, given, passed)
    if standing := reusable(context, stamp.fingerprint):
        return standing_product(context, renewed(context, standing, stamp.as_of))
    checked, stamp = _call(context, given, stamp, hooks)
    return _publish(context, write(context, checked, given), stamp)


@dataclass(frozen=True)
class Stamp:
    """What an output is made from: its fingerprint, the digests of its inputs, how new they are, and the code.

    `values` are those that the kernel provides beside the inputs, `details` what is told of the call.
    """

    fingerprint: str
    inputs: Mapping[str, str]
    as_of: str | None
    code: Code
    values: Mapping[str, Any]
    details: Mapping[str, Any]


def _fingerprint(context: StepContext, given: Mapping[str, Given], passed: Mapping[str, Any]) -> Stamp:
    code = Code.of(context)
    values, decisive = provided(context, passed)
    inputs = {**digests(given), **decisive}
    seen = observed(context)
    refuse_old(context, given, seen)
    return Stamp(fingerprint(context, inputs, seen), inputs, as_of(context, given, seen), code, values, {})


def _call(context: StepContext, given: Mapping[str, Given], stamp: Stamp, hooks: Hooks) -> tuple[Checked, Stamp]:
    """Calls the function of the step, and checks what it returns."""
    stamp = replace(stamp, fingerprint=unknown(context, stamp.fingerprint, stamp.code.outdated))
    hooked = hooks.calling(context, stamp.fingerprint)
    values = {**values_of(context, given), **stamp.values}
    values |= {name: value for name, value in hooked.items() if name in context.step.provided}
    resubmitted = values.get("resubmitted")
    try:
        with loading():
            result = function_of(context.step)(**values)
    except ContractError as error:
        if error.rejected is not None:
            keep_rejected(context, error.rejected, resubmitted)
        raise
    return check(context, result, resubmitted), replace(stamp, details=hooks.called(context, hooked))


def _publish(context: StepContext, product: Product, stamp: Stamp) -> Product:
    """Lets what was written stand, with all that it was made from."""
    details = {**product.details, **stamp.details}
    if device := device_used(stamp.code.reach.versions):
        details["device"] = device
    product = replace(product, reference=replace(product.reference, as_of=stamp.as_of), details=details)
    changed = stamp.code.changed(context)
    warn(context, changed)
    entry = Materialization(
        reference=product.reference,
        fingerprint=unknown(context, stamp.fingerprint, changed),
        inputs=dict(stamp.inputs),
        settings_hash=context.settings_hash,
        code_digest=unknown(context, stamp.code.digest, changed),
        run_id=context.request.run_id,
        columns=product.columns,
    )
    if context.step.effect:
        note_done(context, entry)
    context.store.publish(entry)
    return product


def _record(context: StepContext, meter: Meter, record: StepRecord) -> None:
    path = layout.step_record(context.pipeline.name, context.request.run_id, context.step.name, context.index)
    context.store.put_json(path, {**record.to_dict(), **meter.read()})
