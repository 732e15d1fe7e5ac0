"""Executing one attempt at a step: the same code in every orchestrator's worker and in the local runner.

An attempt resolves its inputs, computes the fingerprint of all that decides the output, calls the user's function,
checks the result against the contract, writes it and publishes it. Anything else that follows an attempt is a hook.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from counterpoint.contracts.scale import on_sample
from counterpoint.errors import ContractError, StepMemoryError
from counterpoint.frames import as_asked
from counterpoint.model import ArtifactRef, Materialization, OutputKind, RunRequest, StepRecord
from counterpoint.model.code import loading
from counterpoint.runtime.bounds import Bounds
from counterpoint.runtime.context import StepContext, context_of, digest_of
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
from counterpoint.runtime.sampling import drawn, share_of
from counterpoint.runtime.secrets import secret_values
from counterpoint.runtime.staleness import as_of, refuse_old
from counterpoint.runtime.surroundings import set_variables, surroundings
from counterpoint.runtime.written import Code, unknown, warn
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def elements(request: RunRequest, step: str, references: Mapping[str, Any]) -> int:
    """How many elements a mapped step has in this run."""
    return count_of(context_of(request, step), references)


def element_count(request: RunRequest, step: str, references: Mapping[str, Any], *, attempt: int = 1) -> int:
    """As `elements`, for an adapter that counts them in a separate task: a failure is recorded as the step's.

    Raises:
        Exception: There is no list, or it could not be read; the step has failed.
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
    """Executes one step of a run and publishes its output; a fresh output is reused instead.

    An effect runs in every run, but once: a retry does not run an effect again that has succeeded.

    Args:
        request: The run.
        step: The name of the step.
        references: The references of this run's upstream steps by name (a list for a mapped step); a step that is
            absent failed or was skipped.
        attempt: The number of the attempt, from 1.
        index: The element of a mapped step.
        hooks: Hooks for this call, in addition to the installed ones.

    Returns:
        The reference of the step's output.

    Raises:
        Exception: Any error of the step function, after it has been recorded; nothing is published then.
    """
    following = Hooks([*installed(), *hooks]) if hooks else installed()
    with surroundings(request):
        context = context_of(request, step, index, attempt)
        with set_variables(Bounds.of(context.step).variables):  # what the step declares precedes its configuration
            return _attempt(context, references or {}, following)


def _attempt(context: StepContext, references: Mapping[str, Any], following: Hooks) -> ArtifactRef:
    meter, given = Meter(), dict[str, Given]()
    with keeping_log() as lines:
        try:
            product = _executed(context, references, given, following)
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
    meter = Meter(error.peak if isinstance(error, StepMemoryError) else None)
    _fail(context, meter, failed(context, error), installed())


def _fail(context: StepContext, meter: Meter, record: StepRecord, hooks: Hooks) -> None:
    _record(context, meter, record)
    if record.error is not None and is_last(context, record.error):
        hooks.given_up(context, record.error)
    hooks.failed(context, record)


def _executed(context: StepContext, passed: Mapping[str, Any], given: dict[str, Given], hooks: Hooks) -> Product:
    """Runs one attempt; `given` is filled with the resolved inputs, so that a failure can be explained by them."""
    refuse_held_back(context)
    substitute = hooks.before(context)
    given.update(references_of(context, passed))
    if substitute is not None:
        return standing_product(context, substitute)
    stamp = _fingerprint(context, given, passed)
    if entry := reusable(context, stamp.fingerprint):
        return standing_product(context, renewed(context, entry, stamp.as_of))
    checked, stamp = _call(context, given, stamp, hooks)
    return _publish(context, write(context, checked, given), stamp)


@dataclass(frozen=True)
class Stamp:
    """What an output is made from: its fingerprint, the digests of its inputs, how new they are, and the code.

    `values` are the parameters that the kernel provides in addition to the inputs; `details` describe the call.
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
    source = observed(context)
    refuse_old(context, given, source)
    # what it read from outside, for whoever makes it again
    details: dict[str, Any] = {"outside": digest_of(source.digest)} if source else {}
    if context.external:
        details["external"] = {name: external.described() for name, external in context.external.items()}
    return Stamp(fingerprint(context, inputs, source), inputs, as_of(context, given, source), code, values, details)


def _call(context: StepContext, given: Mapping[str, Given], stamp: Stamp, hooks: Hooks) -> tuple[Checked, Stamp]:
    """Calls the function of the step, and checks what it returns."""
    stamp = replace(stamp, fingerprint=unknown(context, stamp.fingerprint, stamp.code.outdated))
    hooked = hooks.calling(context, stamp.fingerprint)
    values = {**values_of(context, given), **stamp.values}
    values |= {name: value for name, value in hooked.items() if name in context.step.provided}
    values |= secret_values(context.request, context.step)
    resubmitted = values.get("resubmitted")
    try:
        with loading(), on_sample(share_of(context)):
            function = function_of(context.step)
            result = function(**as_asked(function, values))
    except ContractError as error:
        if error.rejected is not None:
            keep_rejected(context, error.rejected, resubmitted)
        raise
    details = {**stamp.details, **hooks.called(context, hooked)}
    with on_sample(share_of(context)):
        checked = drawn(context, check(context, result, resubmitted))
    return checked, replace(stamp, details=details)


def _publish(context: StepContext, product: Product, stamp: Stamp) -> Product:
    """Publishes a written output, with everything that it was made from."""
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
    if context.step.resources and (limit := context.step.resources.memory_bytes):
        record = replace(record, details={**record.details, "memory_limit": limit})
    context.store.put_json(path, {**record.to_dict(), **meter.read()})
