"""What stands and need not be made again."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from counterpoint.errors import DamagedOutputError
from counterpoint.runtime.effects import done
from counterpoint.runtime.outputs import Product
from counterpoint.storage import layout

if TYPE_CHECKING:
    from counterpoint.model import Materialization
    from counterpoint.runtime.context import StepContext

log = logging.getLogger(__name__)


def reusable(context: StepContext, made_from: str) -> Materialization | None:
    """What need not be made again: an output that is fresh, an effect that ended well in this very run."""
    if context.step.effect:
        found = done(context)
        if found:
            log.info("%s of %s: already succeeded in this run, reused", context.step.name, context.key)
        return found
    standing = context.store.entry(context.step.name, context.key)
    if not standing or standing.fingerprint != made_from or context.request.force or not _is_whole(context, standing):
        return None
    log.info("%s of %s: fresh, reused", context.step.name, context.key)
    return standing


def _is_whole(context: StepContext, standing: Materialization) -> bool:
    """Whether what stands is still what was written; what is not is made again."""
    if not standing.reference.uri:
        return True
    try:
        context.store.read(standing.reference)
    except DamagedOutputError as damage:
        log.warning("%s %s: recomputing %s of %s", damage.place, damage.what, context.step.name, context.key)
        return False
    return True


def renewed(context: StepContext, standing: Materialization, new: str | None) -> Materialization:
    """What stands, also in this run's version; as of a later moment, where its source was seen to be unchanged."""
    if standing.reference.as_of == new:
        context.store.pin(standing)
        return standing
    new_entry = replace(standing, reference=replace(standing.reference, as_of=new))
    context.store.publish(new_entry)
    return new_entry


def standing_product(context: StepContext, entry: Materialization) -> Product:
    """What stands, told as the run that made it told of it."""
    told = (
        context.store.get_json(
            layout.step_record(context.pipeline.name, entry.run_id, context.step.name, context.index)
        )
        or {}
    )
    known = {name: told[name] for name in ("metrics", "checks", "details") if name in told}
    return Product(entry.reference, reused=True, **known)
