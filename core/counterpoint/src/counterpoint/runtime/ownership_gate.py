"""A step that another side owns: a scheduled run waits until its output is fresh, and takes that."""

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

# a look costs Prefect a process
POLL = timedelta(seconds=30)
# what fails on the owner's side is mended there, and this side goes on by itself
TIMEOUT = timedelta(days=1)


class Ownership(StepHook):
    """In a scheduled run, a step that another side owns is waited for, and taken."""

    order = 100

    def awaits(self, context: StepContext) -> list[tuple[Wait, str]] | None:
        """Tells what the owner has still to make; None of a step that this side computes itself."""
        return waited_for(context)

    def before(self, context: StepContext) -> Materialization | None:
        """Answers with what the owner made."""
        return taken(context)


def waited_for(context: StepContext) -> list[tuple[Wait, str]] | None:
    """What a scheduled run waits for at a step that it does not own, in words; None of one that it computes itself."""
    if not context.request.scheduled:
        return None
    name = context.step.name
    wait = partition_of(context.pipeline.name, name, poll=POLL, timeout=TIMEOUT)
    try:
        if read(context.store, context.pipeline.name).moves(name):
            ledger = command("migrate", "ledger", context.request.pipeline, root=context.request.root)
            return [(wait, f"the cut-over of {name} to be finished (see '{ledger}')")]
        owner = _other(context)
        if owner is None:
            return None
        return (
            [] if _is_made(context, owner) else [(wait, f"{name} of {context.request.partition}, which {owner} owns")]
        )
    except (StorageError, ServiceError) as error:
        return [(wait, f"{name} of {context.request.partition} ({error})")]


def taken(context: StepContext) -> Materialization | None:
    """What the owner made of a step of a scheduled run; None when this side owns it, and computes it.

    Raises:
        MissingInputError: it is not fresh, although it was when the step was let begin.
    """
    owner = _other(context) if context.request.scheduled else None
    if owner is None:
        return None
    found = context.store.entry(context.step.name, context.key)
    if found is None or not _is_made(context, owner):
        raise MissingInputError(
            f"step {context.step.name} of {context.request.partition} is {owner}'s, and its output is not fresh any"
            " more: redo it there, then here"
        )
    return found


def _other(context: StepContext) -> str | None:
    """The other side that owns a step; a DAG that is not ours leaves nothing that could be taken."""
    seen = read(context.store, context.pipeline.name)
    if seen.division is None:
        return None
    owner = seen.division.side_of(context.step.name)
    return None if owner.legacy or owner == Party(context.request.orchestrator) else owner.name


def _is_made(context: StepContext, owner: str) -> bool:
    """Whether an output is fresh, by what stands of the steps before; of a mapped step, that of each element."""
    context = replace(context, request=replace(context.request, steps=()), index=None)
    if context.step.map_over and (count := count_of(context, {})) != len(standing_elements(context, context.step.name)):
        return False
    nothing = context.step.map_over is not None and not count
    return nothing or freshness(context) in {Freshness.FRESH, Freshness.SKIPPED} or _was_made_last(context, owner)


def _was_made_last(context: StepContext, owner: str) -> bool:
    """Whether what stands is what the owner began last, whatever has changed outside since."""
    begun = context.store.get_json(
        layout.begun_step(context.pipeline.name, context.request.partition, context.step.name)
    )
    standing = context.store.entry(context.step.name, context.key)
    if not begun or not standing or (begun["orchestrator"], begun["run_id"]) != (owner, standing.run_id):
        return False
    return is_made_alike(context, standing)
