"""Executing one attempt at a step: the same code in every orchestrator's worker and in the local runner.

An attempt is resolved (what its inputs refer to), fingerprinted (all that decides its output), called (the user's
function), checked (against the contract), written and published. Whatever else follows an attempt is a hook.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ContractError
from counterpoint.model import Entry, OutputKind, Reference, RunRequest, StepRecord
from counterpoint.model.code import loading
from counterpoint.running.age import as_of, refuse_old
from counterpoint.running.devices import device_used
from counterpoint.running.effects import note_done, refuse_held_back
from counterpoint.running.failing import failed, is_last, told
from counterpoint.running.hooks import Hooks, StepHook, installed
from counterpoint.running.inputs import (
    Given,
    Work,
    count_of,
    digests,
    fingerprint,
    function_of,
    observed,
    references_of,
    values_of,
)
from counterpoint.running.known import find_pipeline
from counterpoint.running.logs import keeping_log
from counterpoint.running.meter import Meter
from counterpoint.running.outputs import Checked, Product, check, keep_rejected, write
from counterpoint.running.provided import provided
from counterpoint.running.reuse import renewed, reusable, standing_product
from counterpoint.running.written import Code, unknown, warn
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)


def work_for(request: RunRequest, step: str, index: int | None = None, attempt: int = 1) -> Work:
    """The step of a request with its pipeline (settings overridden) and its store.

    Raises:
        UsageError: there is no such pipeline, step or setting.
    """
    from counterpoint.storage import Store

    pipeline = find_pipeline(request.pipeline).configured(request.config)
    store = Store(request.root, pipeline, request.version)
    return Work(request, pipeline, pipeline.step(step), store, index, attempt)


def elements(request: RunRequest, step: str, references: Mapping[str, Any]) -> int:
    """How many elements a mapped step has in this run."""
    return count_of(work_for(request, step), references)


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
) -> Reference:
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
    work, meter, given = work_for(request, step, index, attempt), Meter(), dict[str, Given]()
    following = Hooks([*installed(), *hooks]) if hooks else installed()
    with keeping_log() as lines:
        try:
            product = _executed(work, references or {}, given, following)
        except Exception as error:
            record = failed(work, error, given=given, log=lines)
            _fail(work, meter, record, following)
            if (public := told(error, record)) is not error:
                raise public from None
            raise
    _record(work, meter, product.record(work))
    if work.step.output.kind is OutputKind.BRANCH:
        work.store.withdraw(work.request.partition)
    following.after(work, product)
    return product.reference


def record_failure(
    request: RunRequest, step: str, error: Exception, *, attempt: int = 1, index: int | None = None
) -> None:
    """Records the failure of a step whose process could not do so itself."""
    work = work_for(request, step, index, attempt)
    _fail(work, Meter(), failed(work, error), installed())


def _fail(work: Work, meter: Meter, record: StepRecord, hooks: Hooks) -> None:
    _record(work, meter, record)
    if record.error is not None and is_last(work, record.error):
        hooks.given_up(work, record.error)
    hooks.failed(work, record)


def _executed(work: Work, passed: Mapping[str, Any], given: dict[str, Given], hooks: Hooks) -> Product:
    """The walk of one attempt; `given` is filled with what was resolved, for whoever explains a failure."""
    refuse_held_back(work)
    taken = hooks.before(work)
    given.update(references_of(work, passed))
    if taken is not None:
        return standing_product(work, taken)
    stamp = _fingerprint(work, given, passed)
    if standing := reusable(work, stamp.fingerprint):
        return standing_product(work, renewed(work, standing, stamp.as_of))
    checked, stamp = _call(work, given, stamp, hooks)
    return _publish(work, write(work, checked, given), stamp)


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


def _fingerprint(work: Work, given: Mapping[str, Given], passed: Mapping[str, Any]) -> Stamp:
    code = Code.of(work)
    values, decisive = provided(work, passed)
    inputs = {**digests(given), **decisive}
    seen = observed(work)
    refuse_old(work, given, seen)
    return Stamp(fingerprint(work, inputs, seen), inputs, as_of(work, given, seen), code, values, {})


def _call(work: Work, given: Mapping[str, Given], stamp: Stamp, hooks: Hooks) -> tuple[Checked, Stamp]:
    """Calls the function of the step, and checks what it returns."""
    stamp = replace(stamp, fingerprint=unknown(work, stamp.fingerprint, stamp.code.outdated))
    hooked = hooks.calling(work, stamp.fingerprint)
    values = {**values_of(work, given), **stamp.values}
    values |= {name: value for name, value in hooked.items() if name in work.step.provided}
    resubmitted = values.get("resubmitted")
    try:
        with loading():
            result = function_of(work.step)(**values)
    except ContractError as error:
        if error.rejected is not None:
            keep_rejected(work, error.rejected, resubmitted)
        raise
    return check(work, result, resubmitted), replace(stamp, details=hooks.called(work, hooked))


def _publish(work: Work, product: Product, stamp: Stamp) -> Product:
    """Lets what was written stand, with all that it was made from."""
    details = {**product.details, **stamp.details}
    if device := device_used(stamp.code.reach.versions):
        details["device"] = device
    product = replace(product, reference=replace(product.reference, as_of=stamp.as_of), details=details)
    changed = stamp.code.changed(work)
    warn(work, changed)
    entry = Entry(
        reference=product.reference,
        fingerprint=unknown(work, stamp.fingerprint, changed),
        inputs=dict(stamp.inputs),
        settings_hash=work.settings_hash,
        code_digest=unknown(work, stamp.code.digest, changed),
        run_id=work.request.run_id,
        columns=product.columns,
    )
    if work.step.effect:
        note_done(work, entry)
    work.store.publish(entry)
    return product


def _record(work: Work, meter: Meter, record: StepRecord) -> None:
    path = layout.step_record(work.pipeline.name, work.request.run_id, work.step.name, work.index)
    work.store.put_json(path, {**record.to_dict(), **meter.read()})
