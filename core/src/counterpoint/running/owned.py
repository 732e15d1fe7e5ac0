"""A step that another side owns: a scheduled run waits until its output is fresh, and takes that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from counterpoint.commands import command
from counterpoint.errors import MissingInputError, ServiceError, StorageError
from counterpoint.model import partition_of
from counterpoint.running.hooks import StepHook
from counterpoint.running.inputs import count_of, standing_elements
from counterpoint.running.owners import Party, read
from counterpoint.running.upstream import Freshness, freshness, is_made_alike
from counterpoint.storage import layout

if TYPE_CHECKING:
    from counterpoint.model import Entry, Wait
    from counterpoint.running.inputs import Work

# a look costs Prefect a process
POLL = timedelta(seconds=30)
# what fails on the owner's side is mended there, and this side goes on by itself
TIMEOUT = timedelta(days=1)


class Ownership(StepHook):
    """In a scheduled run, a step that another side owns is waited for, and taken."""

    order = 100

    def awaits(self, work: Work) -> list[tuple[Wait, str]] | None:
        """Tells what the owner has still to make; None of a step that this side computes itself."""
        return waited_for(work)

    def before(self, work: Work) -> Entry | None:
        """Answers with what the owner made."""
        return taken(work)


def waited_for(work: Work) -> list[tuple[Wait, str]] | None:
    """What a scheduled run waits for at a step that it does not own, in words; None of one that it computes itself."""
    if not work.request.scheduled:
        return None
    name = work.step.name
    wait = partition_of(work.pipeline.name, name, poll=POLL, timeout=TIMEOUT)
    try:
        if read(work.store, work.pipeline.name).moves(name):
            ledger = command("migrate", "ledger", work.request.pipeline, root=work.request.root)
            return [(wait, f"the cut-over of {name} to be finished (see '{ledger}')")]
        owner = _other(work)
        if owner is None:
            return None
        return [] if _is_made(work, owner) else [(wait, f"{name} of {work.request.partition}, which {owner} owns")]
    except (StorageError, ServiceError) as error:
        return [(wait, f"{name} of {work.request.partition} ({error})")]


def taken(work: Work) -> Entry | None:
    """What the owner made of a step of a scheduled run; None when this side owns it, and computes it.

    Raises:
        MissingInputError: it is not fresh, although it was when the step was let begin.
    """
    owner = _other(work) if work.request.scheduled else None
    if owner is None:
        return None
    found = work.store.entry(work.step.name, work.key)
    if found is None or not _is_made(work, owner):
        raise MissingInputError(
            f"step {work.step.name} of {work.request.partition} is {owner}'s, and its output is not fresh any more:"
            " redo it there, then here"
        )
    return found


def _other(work: Work) -> str | None:
    """The other side that owns a step; a DAG that is not ours leaves nothing that could be taken."""
    seen = read(work.store, work.pipeline.name)
    if seen.division is None:
        return None
    owner = seen.division.side_of(work.step.name)
    return None if owner.legacy or owner == Party(work.request.orchestrator) else owner.name


def _is_made(work: Work, owner: str) -> bool:
    """Whether an output is fresh, by what stands of the steps before; of a mapped step, that of each element."""
    work = replace(work, request=replace(work.request, steps=()), index=None)
    if work.step.map_over and (count := count_of(work, {})) != len(standing_elements(work, work.step.name)):
        return False
    nothing = work.step.map_over is not None and not count
    return nothing or freshness(work) in {Freshness.FRESH, Freshness.SKIPPED} or _was_made_last(work, owner)


def _was_made_last(work: Work, owner: str) -> bool:
    """Whether what stands is what the owner began last, whatever has changed outside since."""
    begun = work.store.get_json(layout.begun_step(work.pipeline.name, work.request.partition, work.step.name))
    standing = work.store.entry(work.step.name, work.key)
    if not begun or not standing or (begun["orchestrator"], begun["run_id"]) != (owner, standing.run_id):
        return False
    return is_made_alike(work, standing)
