"""Which side computes which step after steps change hands: of a pipeline that two of our sides may share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model.suggest import suggest
from counterpoint.runtime.schedule_ownership import Division, Party

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Pipeline
    from counterpoint.runtime.schedule_ownership import Owners


@dataclass(frozen=True, slots=True)
class Change:
    """From one party to another, all steps or some (`steps`; empty: all): how they were divided, and then are."""

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
    """Refuses names that are no steps.

    Raises:
        UsageError: names the first, and one that is near.
    """
    for name in steps:
        if name not in pipeline.step_names:
            raise UsageError(f"{pipeline.name} has no step {name!r}: {suggest(name, pipeline.step_names)}")


def given(
    pipeline: Pipeline, seen: Owners, parties: tuple[Party, Party], steps: Sequence[str], claim: str = ""
) -> Change:
    """What changes when the first party gives steps, or all, to the second; before is as after when that has them.

    `claim` is the command by which the second is given what nobody owns yet.

    Raises:
        UsageError: the first does not own them, or the second cannot share the pipeline.
    """
    source, target = parties
    before = seen.division or Division(source)
    if steps:
        _refuse_unshared(pipeline, seen, parties, claim)
    sides = _sides(pipeline, before)
    after = Division.of(before.owner, sides | dict.fromkeys(steps or sides, target))
    strangers = [party for party in parties if not before.has(party)]
    if after != before and (source in strangers or (strangers and before.steps)):
        owners = f"{' and '.join(before.names)} {'share' if before.steps else 'owns'} {pipeline.name}"
        raise UsageError(f"{owners}, not {strangers[0]}: mend --from{', --to' if before.steps else ''} or --legacy")
    return Change(source, target, tuple(steps) if after.steps else (), before, after)


def _refuse_unshared(pipeline: Pipeline, seen: Owners, parties: tuple[Party, Party], claim: str) -> None:
    source, name = parties[0], pipeline.name
    legacy = next((party for party in (source, seen.owner) if party and party.legacy), None)
    if legacy:
        raise UsageError(f"{legacy} is not ours, so it cannot wait for a step of ours: cut over the whole of {name}")
    if seen.owner is None:
        raise UsageError(
            f"nobody owns {name} yet, so no step of it can be given away: first give it to the side that runs it, by"
            f" '{claim}'"
        )


def brought_back(pipeline: Pipeline, seen: Owners, steps: Sequence[str]) -> Change | None:
    """What changes when the last cut-over is undone, or, of some steps, the last one of each; None: there is none.

    Raises:
        UsageError: the steps do not go back the same way, or to a side that cannot share the pipeline.
    """
    standing = seen.standing(steps or pipeline.step_names, again=not steps)
    if not steps and standing:
        newest = max(standing.values(), key=seen.history.index)
        standing = {name: change for name, change in standing.items() if change is newest}
    back = {name: Change.from_dict(change) for name, change in standing.items()}
    if not back or seen.division is None:
        return None
    last = next(iter(back.values()))
    if any((one.source, one.target) != (last.source, last.target) for one in back.values()):
        raise UsageError(f"{', '.join(back)} do not go back between the same sides: name them in commands of their own")
    now = _sides(pipeline, seen.division)
    then = now | {name: one.before.side_of(name) for name, one in back.items()}
    after = Division.of(last.before.owner, then)
    strangers = [side for side in then.values() if side.legacy or side not in (last.source, last.target)]
    if after.steps and strangers:
        raise UsageError(f"{strangers[0]} cannot share {pipeline.name}: roll back all of it")
    return Change(last.target, last.source, tuple(steps) if after.steps else (), seen.division, after)


def _sides(pipeline: Pipeline, division: Division) -> dict[str, Party]:
    return {name: division.side_of(name) for name in pipeline.step_names}
