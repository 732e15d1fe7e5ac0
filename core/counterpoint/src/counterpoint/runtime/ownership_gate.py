"""Steps that another side owns: a scheduled run waits until their output is fresh, and uses it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from counterpoint.commands import command
from counterpoint.errors import MissingInputError, ServiceError, StorageError
from counterpoint.model import partition_of
from counterpoint.runtime.freshness import Freshness, freshness, is_made_alike
from counterpoint.runtime.hooks import StepHook
from counterpoint.runtime.inputs import count_of, standing_elements
from counterpoint.runtime.schedule_ownership import Party, read
from counterpoint.storage import layout

if TYPE_CHECKING:
    from counterpoint.model import Materialization, Wait
    from counterpoint.runtime.context import StepContext

# each check costs Prefect a process
POLL = timedelta(seconds=30)
# a failure on the owner's side is repaired there, after which this side continues by itself
TIMEOUT = timedelta(days=1)


class Ownership(StepHook):
    """In a scheduled run, waits for the output of a step that another side owns, and uses it."""

    order = 100

    def awaits(self, context: StepContext) -> list[tuple[Wait, str]] | None:
        """Returns what the owner still has to make; None for a step that this side computes itself."""
        return waited_for(context)

    def before(self, context: StepContext) -> Materialization | None:
        """Returns the output that the owner made."""
        return taken(context)


def waited_for(context: StepContext) -> list[tuple[Wait, str]] | None:
    """The waits of a scheduled run at a step that another side owns; None for a step that this side computes itself."""
    if not context.request.scheduled:
        return None
    name = context.step.name
    wait = partition_of(context.pipeline.name, name, poll=POLL, timeout=TIMEOUT)
    try:
        if read(context.store, context.pipeline.name).moves(name):
            ledger = command("migrate", "ledger", context.request.pipeline, root=context.request.root)
            return [(wait, f"the cut-over of {name} to be finished (see '{ledger}')")]
        owner = _other_owner(context)
        if owner is None:
            return None
        return (
            [] if _is_made(context, owner) else [(wait, f"{name} of {context.request.partition}, which {owner} owns")]
        )
    except (StorageError, ServiceError) as error:
        return [(wait, f"{name} of {context.request.partition} ({error})")]


def taken(context: StepContext) -> Materialization | None:
    """The output that the owner of a scheduled run's step made; None when this side owns the step.

    Raises:
        MissingInputError: The output is no longer fresh, although it was when the step was admitted.
    """
    owner = _other_owner(context) if context.request.scheduled else None
    if owner is None:
        return None
    entry = context.store.entry(context.step.name, context.key)
    if entry is None or not _is_made(context, owner):
        raise MissingInputError(
            f"step {context.step.name} of {context.request.partition} is {owner}'s, and its output is not fresh any"
            " more: redo it there, then here"
        )
    return entry


def _other_owner(context: StepContext) -> str | None:
    """The other side that owns a step, or None; a DAG that is not ours leaves no output that could be used."""
    owners = read(context.store, context.pipeline.name)
    if owners.division is None:
        return None
    owner = owners.division.side_of(context.step.name)
    return None if owner.legacy or owner == Party(context.request.orchestrator) else owner.name


def _is_made(context: StepContext, owner: str) -> bool:
    """Whether an output is fresh by its published inputs; of a mapped step, the outputs of all elements."""
    context = replace(context, request=replace(context.request, steps=()), index=None)
    if context.step.map_over and (count := count_of(context, {})) != len(standing_elements(context, context.step.name)):
        return False
    has_no_elements = context.step.map_over is not None and not count
    return (
        has_no_elements or freshness(context) in {Freshness.FRESH, Freshness.SKIPPED} or _was_made_last(context, owner)
    )


def _was_made_last(context: StepContext, owner: str) -> bool:
    """Whether the published output is of the owner's last attempt, even if external data has changed since."""
    begun = context.store.get_json(
        layout.begun_step(context.pipeline.name, context.request.partition, context.step.name)
    )
    standing = context.store.entry(context.step.name, context.key)
    if not begun or not standing or (begun["orchestrator"], begun["run_id"]) != (owner, standing.run_id):
        return False
    return is_made_alike(context, standing)
