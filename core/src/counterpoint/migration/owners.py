"""Whose schedule runs a pipeline: kept below the data root, with what is being changed and all that was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.running.known import find_pipeline
from counterpoint.storage.objects import Objects, json_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.storage.objects import Found

FORM = 1
CUTOVER, ROLLBACK = "cutover", "rollback"
DONE, UNDONE = "done", "undone"


@dataclass(frozen=True, slots=True)
class Party:
    """Who may own a pipeline: an orchestrator, or a DAG that is not ours (`legacy` says where it runs)."""

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
class Owners:
    """Who owns a pipeline (None: nobody was ever given it), what is being changed now, and all that was changed."""

    owner: Party | None = None
    since: str | None = None
    pending: Mapping[str, Any] | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    found: Found | None = None

    def owns(self, orchestrator: str) -> bool:
        """Whether an orchestrator's own schedule may run now: nobody's may while a change is not finished."""
        return self.pending is None and (self.owner is None or self.owner == Party(orchestrator))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "owner": self.owner.to_dict() if self.owner else None,
            "since": self.since,
            "pending": self.pending,
            "history": list(self.history),
        }

    def cut_over(self) -> Mapping[str, Any] | None:
        """The last cut-over that was done and was not rolled back."""
        standing: list[Mapping[str, Any]] = []
        for change in self.history:
            if change["outcome"] == DONE and change["action"] == CUTOVER:
                standing.append(change)
            elif change["outcome"] == DONE:
                standing.pop()
        return standing[-1] if standing else None

    def ended(self, outcome: str) -> Owners:
        """The same after the change that is pending: done or undone."""
        assert self.pending is not None  # noqa: S101 - asked of those that have one
        told = {name: self.pending[name] for name in ("action", "from", "to", "at", "streak")}
        history = (*self.history, {**told, "ended": now(), "outcome": outcome})
        if outcome == UNDONE:
            return replace(self, pending=None, history=history)
        return replace(self, owner=Party.from_dict(told["to"]), since=now(), pending=None, history=history)


def now() -> str:
    """This moment, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(objects: Objects, pipeline: str) -> Owners:
    """What is kept of a pipeline, by its own name."""
    path = _path(pipeline)
    found = objects.find(path)
    if found is None:
        return Owners()
    values = objects.parsed(path, found.data)
    owner = Party.from_dict(values["owner"]) if values["owner"] else None
    return Owners(owner, values["since"], values["pending"], tuple(values["history"]), found)


def keep(objects: Objects, pipeline: str, new: Owners) -> Owners:
    """Keeps what was made of what was read before.

    Raises:
        UsageError: somebody else has changed it meanwhile.
    """
    if not objects.swap(_path(pipeline), json_bytes({"owners_form": FORM, **new.to_dict()}), new.found):
        raise UsageError(f"somebody else changes who owns {pipeline} at this moment: look by 'migrate ledger'")
    return read(objects, pipeline)


def held_back(root: str, names: Sequence[str], orchestrator: str) -> tuple[str, ...]:
    """Those of some served pipelines that an orchestrator does not own: their schedules stay paused there."""
    objects = Objects(root)
    return tuple(name for name in names if not read(objects, find_pipeline(name).name).owns(orchestrator))


def _path(pipeline: str) -> str:
    return f"owners/{pipeline}.json"
