"""What a deployment changes on a team's server: planned first, then applied; what others made there stays as it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from counterpoint.model import Pool


@dataclass(frozen=True, slots=True)
class Change:
    """One change on a server.

    Attributes:
        verb: `create`, `change` or `reload`.
        kind: What is changed: `pool`, `deployment`, `schedule`.
        name: Its name on the server.
        details: What is set, or from what to what.
        apply: Makes the change, by the API of the server.
    """

    verb: str
    kind: str
    name: str
    details: str
    apply: Callable[[], None] = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, str]:
        """The change as JSON values."""
        return {"verb": self.verb, "kind": self.kind, "name": self.name, "details": self.details}


@dataclass(frozen=True, slots=True)
class Deployment:
    """The plan of a pipeline's deployment.

    Attributes:
        changes: What the server's API can make.
        by_hand: What it cannot, each with what a person does: a file to copy, a code location to add.
    """

    changes: Sequence[Change] = ()
    by_hand: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ServerPool:
    """A pool, or a limit, as a server has it; `ours` says whether it bears the mark of a pipeline."""

    slots: int | None
    ours: bool


def pool_changes(
    declared: Iterable[Pool],
    existing: Mapping[str, ServerPool],
    set_slots: Callable[[Pool, ServerPool | None], None],
    *,
    place: str,
    kind: str = "pool",
) -> list[Change]:
    """The changes that give a server the pools of a pipeline.

    A pool that others made is used if it has the slots that are declared, and is never changed.

    Args:
        declared: The pools of the pipeline.
        existing: The pools of these names on the server.
        set_slots: Creates a pool, or changes the one that is its second argument.
        place: The server, for messages.
        kind: What the orchestrator calls a pool.

    Raises:
        UsageError: A pool that others made has other slots; names it and the fix.
    """
    changes = []
    for pool in declared:
        current = existing.get(pool.name)
        if current is None:
            changes.append(Change("create", kind, pool.name, f"{pool.slots} slots", partial(set_slots, pool, None)))
        elif current.slots == pool.slots:
            continue
        elif current.ours:
            details = f"{current.slots} -> {pool.slots} slots"
            changes.append(Change("change", kind, pool.name, details, partial(set_slots, pool, current)))
        else:
            raise UsageError(
                f"{kind} {pool.name} on {place} was not made by Counterpoint and has {current.slots} slots, where the"
                f" pipeline declares {pool.slots}: declare as many, or give the pipeline's pool another name"
            )
    return changes


def summary(changes: Iterable[Change]) -> str:
    """A plan in one line: `create 2 pools, change 1 schedule`."""
    counts = Counter((change.verb, change.kind) for change in changes)
    words = [f"{verb} {count} {kind}{'s' if count > 1 else ''}" for (verb, kind), count in counts.items()]
    return ", ".join(words) or "nothing to do"
