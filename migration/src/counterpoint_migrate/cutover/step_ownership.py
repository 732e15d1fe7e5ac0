"""The owners of steps before and after a change: two sides may share a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import groups_of
from counterpoint.model.suggest import suggest
from counterpoint.runtime.schedule_ownership import Division, Party

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Pipeline
    from counterpoint.runtime.schedule_ownership import Owners


@dataclass(frozen=True, slots=True)
class Change:
    """A change from one party to another, of `steps` (all if empty), with the division before and after."""

    source: Party
    target: Party
    steps: tuple[str, ...]
    before: Division
    after: Division

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "from": self.source.to_dict(),
            "to": self.target.to_dict(),
            "steps": list(self.steps),
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Change:
        """The inverse of `to_dict`."""
        source, target = (Party.from_dict(values[name]) for name in ("from", "to"))
        before, after = (Division.from_dict(values[name]) for name in ("before", "after"))
        return cls(source, target, tuple(values["steps"]), before, after)


def refuse_unknown(pipeline: Pipeline, steps: Sequence[str]) -> None:
    """Refuses unknown step names.

    Raises:
        UsageError: a name is no step; the message names it and the nearest one.
    """
    for name in steps:
        if name not in pipeline.step_names:
            raise UsageError(f"{pipeline.name} has no step {name!r}: {suggest(name, pipeline.step_names)}")


def change_to(
    pipeline: Pipeline, owners: Owners, parties: tuple[Party, Party], steps: Sequence[str], claim: str = ""
) -> Change:
    """The change when one party gives steps, or all, to another; nothing changes if the other has them already.

    Args:
        pipeline: the pipeline.
        owners: its present owners.
        parties: source and target.
        steps: the steps; all if empty.
        claim: the command that first gives an unowned pipeline to the source, for messages.

    Raises:
        UsageError: the source does not own the steps, or the target cannot share the pipeline.
    """
    source, target = parties
    before = owners.division or Division(source)
    if steps:
        _refuse_not_shareable(pipeline, owners, parties, claim)
    owner_by_step = _sides(pipeline, before)
    after = Division.of(before.owner, owner_by_step | dict.fromkeys(steps or owner_by_step, target))
    strangers = [party for party in parties if not before.has(party)]
    if after != before and (source in strangers or (strangers and before.steps)):
        shared_by = f"{' and '.join(before.names)} {'share' if before.steps else 'owns'} {pipeline.name}"
        raise UsageError(
            f"{shared_by}, not {strangers[0]}: correct --from{', --to' if before.steps else ''} or --legacy"
        )
    return Change(source, target, tuple(steps) if after.steps else (), before, after)


def _refuse_not_shareable(pipeline: Pipeline, owners: Owners, parties: tuple[Party, Party], claim: str) -> None:
    source, name = parties[0], pipeline.name
    if groups := groups_of(pipeline):
        raise UsageError(
            f"pipeline {name} has the group {next(iter(groups))}, whose task waits for all its steps: its steps cannot"
            " be divided between two sides; cut over the whole pipeline, or remove the groups first"
        )
    legacy = next((party for party in (source, owners.owner) if party and party.legacy), None)
    if legacy:
        raise UsageError(f"{legacy} is not ours, so it cannot wait for a step of ours: cut over the whole of {name}")
    if owners.owner is None:
        raise UsageError(
            f"nobody owns {name} yet, so no step of it can be given away: first give it to the side that runs it, by"
            f" '{claim}'"
        )


def change_back(pipeline: Pipeline, owners: Owners, steps: Sequence[str]) -> Change | None:
    """The change that undoes the last cut-over, or the last one of each of `steps`; None if there is none.

    Raises:
        UsageError: the steps were moved between different sides, or a side cannot share the pipeline.
    """
    last_changes = owners.standing(steps or pipeline.step_names, again=not steps)
    if not steps and last_changes:
        newest = max(last_changes.values(), key=owners.history.index)
        last_changes = {name: change for name, change in last_changes.items() if change is newest}
    undone = {name: Change.from_dict(change) for name, change in last_changes.items()}
    if not undone or owners.division is None:
        return None
    first_undone = next(iter(undone.values()))
    if any(
        (step_change.source, step_change.target) != (first_undone.source, first_undone.target)
        for step_change in undone.values()
    ):
        raise UsageError(
            f"{', '.join(undone)} do not go back between the same sides: name them in commands of their own"
        )
    owner_now = _sides(pipeline, owners.division)
    owner_then = owner_now | {name: step_change.before.side_of(name) for name, step_change in undone.items()}
    after = Division.of(first_undone.before.owner, owner_then)
    strangers = [
        side for side in owner_then.values() if side.legacy or side not in (first_undone.source, first_undone.target)
    ]
    if after.steps and strangers:
        raise UsageError(f"{strangers[0]} cannot share {pipeline.name}: roll back all of it")
    return Change(first_undone.target, first_undone.source, tuple(steps) if after.steps else (), owners.division, after)


def _sides(pipeline: Pipeline, division: Division) -> dict[str, Party]:
    return {name: division.side_of(name) for name in pipeline.step_names}
