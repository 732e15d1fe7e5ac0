"""Which side's schedule runs a pipeline or single steps of it: stored below the data root, with all changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.runtime.registry import find_pipeline
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects, json_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.storage.objects import Found

FORM = 1
CUTOVER, ROLLBACK = "cutover", "rollback"
DONE, UNDONE = "done", "undone"
# the fields that are kept of a finished change
_CHANGE = ("action", "steps", "from", "to", "before", "after", "at", "streak")


@dataclass(frozen=True, slots=True)
class Party:
    """A possible owner of a pipeline: an orchestrator, or a DAG that is not ours (`legacy` says where it runs)."""

    name: str
    legacy: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.name} (DAG {self.legacy['dag_id']})" if self.legacy else self.name

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"name": self.name, "legacy": dict(self.legacy) if self.legacy else None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Party:
        """The inverse of `to_dict`."""
        return cls(values["name"], values["legacy"])


@dataclass(frozen=True, slots=True)
class Division:
    """Which side computes which step in scheduled runs: the owner computes all that `steps` assigns to no other."""

    owner: Party
    steps: Mapping[str, str] = field(default_factory=dict)

    def side_of(self, step: str) -> Party:
        """The side that computes a step."""
        return Party(self.steps[step]) if step in self.steps else self.owner

    def has(self, party: Party) -> bool:
        """Whether a party computes any step, so that its schedule runs."""
        return party == self.owner or (party.legacy is None and party.name in self.steps.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The parties that compute any step, the owner first."""
        return tuple(dict.fromkeys((str(self.owner), *self.steps.values())))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"owner": self.owner.to_dict(), "steps": dict(self.steps)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Division:
        """The inverse of `to_dict`."""
        return cls(Party.from_dict(values["owner"]), values["steps"])

    @classmethod
    def of(cls, owner: Party, sides: Mapping[str, Party]) -> Division:
        """The division that assigns each step to its side; a side that has all steps owns the pipeline."""
        first, *others = dict.fromkeys(map(str, sides.values()))
        if not others:
            return cls(next(side for side in sides.values() if str(side) == first))
        return cls(owner, {step: side.name for step, side in sides.items() if side != owner})


@dataclass(frozen=True, slots=True)
class Owners:
    """The owner of a pipeline (None: it never had one), the pending change of it, and all earlier changes.

    `steps` are those that another side than the owner computes.
    """

    owner: Party | None = None
    since: str | None = None
    pending: Mapping[str, Any] | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    found: Found | None = None
    steps: Mapping[str, str] = field(default_factory=dict)

    @property
    def division(self) -> Division | None:
        """Which side computes which step; None when the pipeline never had an owner."""
        return Division(self.owner, self.steps) if self.owner else None

    def proved_cutover(self, orchestrator: str) -> Mapping[str, Any] | None:
        """The last completed change, if it was a cut-over to an orchestrator that compared dates had proved."""
        completed = [change for change in self.history if change["outcome"] == DONE]
        last = completed[-1] if completed else None
        is_proved = (
            last and last["action"] == CUTOVER and last["streak"] and last["to"] == Party(orchestrator).to_dict()
        )
        return last if is_proved else None

    def owns(self, orchestrator: str) -> bool:
        """Whether an orchestrator's own schedule may run now; none may while a change is pending."""
        return self.pending is None and (self.division is None or self.division.has(Party(orchestrator)))

    def moves(self, step: str) -> bool:
        """Whether a step is changing its owner now, so that no side may begin it."""
        return self.pending is not None and step in (self.pending["steps"] or (step,))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "owner": self.owner.to_dict() if self.owner else None,
            "steps": dict(self.steps),
            "since": self.since,
            "pending": self.pending,
            "history": list(self.history),
        }

    def standing(self, steps: Sequence[str], *, again: bool) -> dict[str, Mapping[str, Any]]:
        """By step, the last cut-over that moved it and was not rolled back; steps without one are left out.

        Without `again`, a step whose last move was a rollback has none, even if earlier cut-overs moved it. Nor has a
        step that was only assigned to its side at first, without proof, when the pipeline had no owner.
        """
        stacks: dict[str, list[Mapping[str, Any]]] = {step: [] for step in steps}
        completed = [change for change in self.history if change["outcome"] == DONE]
        for change in completed[1:] if completed and not again and completed[0]["streak"] is None else completed:
            before, after = (Division.from_dict(change[name]) for name in ("before", "after"))
            moved = [step for step in steps if before.side_of(step) != after.side_of(step)]
            for step in moved:
                if change["action"] == CUTOVER:
                    stacks[step].append(change)
                else:
                    stacks[step] = stacks[step][:-1] if again else []
        return {step: stack[-1] for step, stack in stacks.items() if stack}

    def ended(self, outcome: str) -> Owners:
        """The ownership after the pending change was done or undone."""
        assert self.pending is not None  # noqa: S101 - only called with a pending change
        change = {name: self.pending[name] for name in _CHANGE}
        history = (*self.history, {**change, "ended": now(), "outcome": outcome})
        if outcome == UNDONE:
            return replace(self, pending=None, history=history)
        division = Division.from_dict(change["after"])
        return replace(self, owner=division.owner, steps=division.steps, since=now(), pending=None, history=history)


def now() -> str:
    """This moment, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(objects: Objects, pipeline: str) -> Owners:
    """The stored ownership of a pipeline, by its own name."""
    path = layout.owner_record(pipeline)
    stored = objects.find(path)
    if stored is None:
        return Owners()
    values = objects.parsed(path, stored.data)
    owner = Party.from_dict(values["owner"]) if values["owner"] else None
    pending = _full(values["pending"]) if values["pending"] else None
    history = tuple(map(_full, values["history"]))
    return Owners(owner, values["since"], pending, history, stored, values.get("steps", {}))


def _full(change: Mapping[str, Any]) -> Mapping[str, Any]:
    """A change in its current form; older ones have no steps, because they always moved all."""
    before, after = ({"owner": change[name], "steps": {}} for name in ("from", "to"))
    return {"steps": [], "before": before, "after": after, **change}


def keep(objects: Objects, pipeline: str, new: Owners) -> Owners:
    """Stores an ownership derived from one that was read before, and returns it as stored.

    Raises:
        UsageError: Another process has changed it meanwhile.
    """
    data = json_bytes({"owners_form": FORM, **new.to_dict()})
    if not objects.compare_and_swap(layout.owner_record(pipeline), data, new.found):
        raise UsageError(f"somebody else changes who owns {pipeline} at this moment: give the command again")
    return read(objects, pipeline)


def held_back(root: str, names: Sequence[str], orchestrator: str) -> tuple[str, ...]:
    """The pipelines that an orchestrator does not own, so that their schedules stay paused there."""
    objects = Objects(root)
    return tuple(name for name in names if not read(objects, find_pipeline(name).name).owns(orchestrator))
