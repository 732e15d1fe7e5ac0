"""Executing one step: the same code in every orchestrator's worker and in the local runner."""

from __future__ import annotations

import logging
import resource
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ContractError, DamagedOutputError
from counterpoint.model import Entry, OutputKind, Reference, RunRequest, StepRecord
from counterpoint.model.code import loading
from counterpoint.running.age import as_of, refuse_old
from counterpoint.running.begun import note_begun
from counterpoint.running.breaker import admit
from counterpoint.running.checkpoints import checkpoint_of, forget
from counterpoint.running.devices import device_used
from counterpoint.running.effects import (
    done,
    idempotency_key,
    note_done,
    outcomes_digest,
    outcomes_of,
    refuse_held_back,
)
from counterpoint.running.ending import note_ended
from counterpoint.running.failing import failed, told
from counterpoint.running.inputs import (
    Given,
    Work,
    count_of,
    digest_of,
    digests,
    fingerprint,
    function_of,
    observed,
    references_of,
    values_of,
)
from counterpoint.running.known import find_pipeline
from counterpoint.running.logs import keeping_log
from counterpoint.running.outputs import Product, keep_rejected, write
from counterpoint.running.owned import taken
from counterpoint.running.settings import note_made
from counterpoint.running.telling import tell_failure, tell_success
from counterpoint.running.written import Code, unknown, warn
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)


def work_for(request: RunRequest, step: str, index: int | None = None) -> Work:
    """The step of a request with its pipeline (settings overridden) and its store.

    Raises:
        UsageError: there is no such pipeline, step or setting.
    """
    from counterpoint.storage import Store

    pipeline = find_pipeline(request.pipeline).configured(request.config)
    store = Store(request.root, pipeline, request.version)
    return Work(request, pipeline, pipeline.step(step), store, index)


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
) -> Reference:
    """Executes one step of a run and publishes its output; what stands and is fresh is not computed again.

    An effect is run whatever stands, but once in a run: what ended well is not run again by a retry of it.

    In a scheduled run a step that another side owns is never computed: what stands is taken.

    `references` maps the names of upstream steps of this run to their references (a list for a mapped step);
    one that is absent failed or was skipped. `index` is the element of a mapped step.

    Raises:
        Exception: whatever the step function raises, after it has been recorded; nothing is published then.
    """
    work = work_for(request, step, index)
    meter, given = _Meter(), dict[str, Given]()
    with keeping_log() as lines:
        try:
            refuse_held_back(work)
            standing = taken(work)
            if standing is None:
                note_begun(work, attempt)
            given.update(references_of(work, references or {}))
            product = _produce(work, given, references or {}) if standing is None else _standing(work, standing)
        except Exception as error:
            record = failed(work, error, attempt, given=given, log=lines)
            _fail(work, meter, record)
            if (public := told(error, record)) is not error:
                raise public from None
            raise
    _record(work, meter, product.record(work, attempt))
    if work.step.output.kind is OutputKind.BRANCH:
        work.store.withdraw(work.request.partition)
    note_made(work)
    tell_success(work, product, attempt)
    forget(work)
    note_ended(work)
    return product.reference


def record_failure(
    request: RunRequest, step: str, error: Exception, *, attempt: int = 1, index: int | None = None
) -> None:
    """Records the failure of a step whose process could not do so itself."""
    work = work_for(request, step, index)
    _fail(work, _Meter(), failed(work, error, attempt))


def _fail(work: Work, meter: _Meter, record: StepRecord) -> None:
    _record(work, meter, record)
    tell_failure(work, record)
    note_ended(work)


def _produce(work: Work, given: Mapping[str, Given], passed: Mapping[str, Any]) -> Product:
    code = Code.of(work)
    provided, told = _provided(work, passed)
    inputs = {**digests(given), **told}
    seen = observed(work)
    refuse_old(work, given, seen)
    made_from, new = fingerprint(work, inputs, seen), as_of(work, given, seen)
    standing = _reusable(work, made_from)
    if standing:
        return _standing(work, _renewed(work, standing, new))
    return _compute(work, given, provided, Stamp(unknown(work, made_from, code.outdated), inputs, new, code))


def _reusable(work: Work, made_from: str) -> Entry | None:
    """What need not be made again: an output that is fresh, an effect that ended well in this very run."""
    if work.step.effect:
        found = done(work)
        if found:
            log.info("%s of %s ended well in this run before: it is not run again", work.step.name, work.key)
        return found
    standing = work.store.entry(work.step.name, work.key)
    if not standing or standing.fingerprint != made_from or work.request.force or not is_whole(work, standing):
        return None
    log.info("%s of %s stands and is fresh", work.step.name, work.key)
    return standing


def _provided(work: Work, passed: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the runner provides beside the inputs, by parameter, and the digests of what of it decides the output."""
    values: dict[str, Any] = {}
    told: dict[str, str] = {}
    if "champions" in work.step.provided:
        values["champions"] = _champions(work)
        told["champions"] = digest_of({name: asdict(c) for name, c in values["champions"].items()})
    if "outcomes" in work.step.provided:
        values["outcomes"] = outcomes_of(work, passed)
        told["outcomes"] = outcomes_digest(values["outcomes"])
    if "idempotency_key" in work.step.provided:
        values["idempotency_key"] = idempotency_key(work)
    return values, told


def is_whole(work: Work, standing: Entry) -> bool:
    """Whether what stands is still what was written; what is not is made again."""
    if not standing.reference.uri:
        return True
    try:
        work.store.read(standing.reference)
    except DamagedOutputError as damage:
        log.warning("%s %s: %s of %s is made again", damage.place, damage.what, work.step.name, work.key)
        return False
    return True


def _renewed(work: Work, standing: Entry, new: str | None) -> Entry:
    """What stands, also in this run's version; as of a later moment, where its source was seen to be unchanged."""
    if standing.reference.as_of == new:
        work.store.adopt(standing)
        return standing
    renewed = replace(standing, reference=replace(standing.reference, as_of=new))
    work.store.publish(renewed)
    return renewed


def _standing(work: Work, entry: Entry) -> Product:
    """What stands, told as the run that made it told of it."""
    path = layout.step_record(work.pipeline.name, entry.run_id, work.step.name, work.index)
    told = work.store.get_json(path) or {}
    known = {name: told[name] for name in ("metrics", "checks", "details") if name in told}
    return Product(entry.reference, reused=True, **known)


class Stamp:
    """What an output is made from: its fingerprint, the digests of its inputs, how new they are, and the code."""

    def __init__(self, made_from: str, inputs: dict[str, str], as_of: str | None, code: Code) -> None:
        self.fingerprint, self.inputs, self.as_of, self.code = made_from, inputs, as_of, code


def _compute(work: Work, given: Mapping[str, Any], provided: Mapping[str, Any], stamp: Stamp) -> Product:
    admit(work)
    values = {**values_of(work, given), **provided}
    checkpoint = checkpoint_of(work, stamp.fingerprint)
    if checkpoint is not None:
        values["checkpoint"] = checkpoint
    try:
        with loading():
            result = function_of(work.step)(**values)
    except ContractError as error:
        if error.rejected is not None:
            keep_rejected(work, error.rejected, values.get("resubmitted"))
        raise
    product = write(work, result, given, values.get("resubmitted"))
    told = checkpoint.told() if checkpoint else {}
    if device := device_used(stamp.code.reach.versions):
        told = {**told, "device": device}
    reference = replace(product.reference, as_of=stamp.as_of)
    product = replace(product, reference=reference, details={**product.details, **told})
    changed = stamp.code.changed(work)
    warn(work, changed)
    entry = Entry(
        reference=product.reference,
        fingerprint=unknown(work, stamp.fingerprint, changed),
        inputs=stamp.inputs,
        settings_hash=work.settings_hash,
        code_digest=unknown(work, stamp.code.digest, changed),
        run_id=work.request.run_id,
        columns=product.columns,
    )
    if work.step.effect:
        note_done(work, entry)
    work.store.publish(entry)
    return product


def _champions(work: Work) -> dict[str, Any]:
    from counterpoint.lineage import champions

    return champions(work.store, work.request.partition)


class _Meter:
    """Wall clock, CPU and peak memory of this process since the meter was made."""

    def __init__(self) -> None:
        self.started, self.cpu = datetime.now(UTC), time.process_time()

    def read(self) -> dict[str, Any]:
        return {
            "started": self.started.isoformat(),
            "ended": datetime.now(UTC).isoformat(),
            "cpu_seconds": round(time.process_time() - self.cpu, 4),
            "peak_memory": _peak(),
        }


def _peak() -> int:
    """The highest resident set of this process in bytes; not `ru_maxrss`, which remembers the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _record(work: Work, meter: _Meter, record: StepRecord) -> None:
    path = layout.step_record(work.pipeline.name, work.request.run_id, work.step.name, work.index)
    work.store.put_json(path, {**record.to_dict(), **meter.read()})
