"""Reusing published outputs that need not be computed again."""

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
    """The output that can be reused: a fresh one, or that of an effect that succeeded in this run; else None."""
    if context.step.effect:
        completed = done(context)
        if completed:
            log.info("%s of %s: already succeeded in this run, reused", context.step.name, context.key)
        return completed
    standing = context.store.entry(context.step.name, context.key)
    if not standing or standing.fingerprint != made_from or context.request.force or not _is_whole(context, standing):
        return None
    log.info("%s of %s: fresh, reused", context.step.name, context.key)
    return standing


def _is_whole(context: StepContext, standing: Materialization) -> bool:
    """Whether the published output is still what was written; if not, it is made again."""
    if not standing.reference.uri:
        return True
    try:
        context.store.read(standing.reference)
    except DamagedOutputError as damage:
        log.warning("%s %s: recomputing %s of %s", damage.place, damage.what, context.step.name, context.key)
        return False
    return True


def renewed(context: StepContext, standing: Materialization, new: str | None) -> Materialization:
    """The published entry, also in this run's version; with a later `as_of` if its source was seen to be unchanged."""
    if standing.reference.as_of == new:
        context.store.pin(standing)
        return standing
    new_entry = replace(standing, reference=replace(standing.reference, as_of=new))
    context.store.publish(new_entry)
    return new_entry


def standing_product(context: StepContext, entry: Materialization) -> Product:
    """The published output, with the record of the run that made it."""
    record = (
        context.store.get_json(
            layout.step_record(context.pipeline.name, entry.run_id, context.step.name, context.index)
        )
        or {}
    )
    details = {name: record[name] for name in ("metrics", "checks", "details") if name in record}
    return Product(entry.reference, reused=True, **details)
