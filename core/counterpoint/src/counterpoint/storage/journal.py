"""The promotion journal: one object whose put moves all entries of a version into production at once.

Its states, each swapped for the one that was read before, none of which ever returns (every one has a stamp):

- it tells of a promotion and holds its entries: they stand, whatever lies in the catalogue; somebody has production's
  tables hold them and copies them there;
- it tells of a promotion and holds no entries: they were copied, and the catalogue says what stands.

It is emptied and not removed: stores remove without looking, so a late remover would take away a later journal.

Why no late copy undoes a publication. Whoever copies reads what stands in the catalogue, then that the journal is
still the one to be copied, then swaps what it read. Whoever publishes into production finds the journal without
entries, puts its entry, and finds the same journal again; else it empties the journal and puts once more. A copy that
hits after that put must have read the put entry, for nothing that stood before it comes back (every put has a stamp
too); it asked for the journal after that, and found it emptied: so it is not made.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from counterpoint.model import PRODUCTION, Materialization
from counterpoint.storage import layout
from counterpoint.storage.production import arrive, keys_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.storage.objects import Found, Objects

_STAMP, _REMOVED = "stamp", "removed"


@dataclass(frozen=True, slots=True)
class Journal:
    """The last promotion into a pipeline's production, and the versions that are being dropped.

    `entries` maps steps and partitions to what is still to be copied, `told` is what the promotion tells of itself.
    """

    tag: str | None = None
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    told: Mapping[str, int] = field(default_factory=dict)
    dropping: tuple[str, ...] = ()
    found: Found | None = None


def encoded(objects: Objects, entry: Materialization, stamp: str) -> bytes:
    """An entry as it is stored; the stamp tells one put of it from another."""
    return objects.encoded({**entry.to_dict(), _STAMP: stamp})


def decoded(values: Mapping[str, Any]) -> Materialization | None:
    """The inverse of `encoded`; None for what was taken away."""
    return (
        None
        if values.get(_REMOVED)
        else Materialization.from_dict({n: value for n, value in values.items() if n != _STAMP})
    )


def removal() -> dict[str, Any]:
    """What stands in an entry's place when it is taken away: stores remove without looking whether it is the same."""
    return {_REMOVED: True}


def read(objects: Objects, pipeline: str) -> Journal:
    """The journal as it is now."""
    path = layout.promotion_journal(pipeline)
    found = objects.find(path)
    if found is None:
        return Journal()
    values = objects.parsed(path, found.data)
    return Journal(values["tag"], values["entries"], values["told"], tuple(values["dropping"]), found)


def compare_and_swap(objects: Objects, pipeline: str, seen: Journal, new: Journal) -> bool:
    """Puts a journal in place of the one that was read before; False when another one is there by now."""
    told: dict[str, Any] = {"tag": new.tag, "entries": new.entries, "told": new.told, "dropping": new.dropping}
    return objects.compare_and_swap(
        layout.promotion_journal(pipeline), objects.encoded({**told, _STAMP: uuid4().hex}), seen.found
    )


def finish(objects: Objects, pipeline: str) -> Journal:
    """Completes the promotion that the journal tells of, if it is not complete; returns the journal without entries."""
    while (seen := read(objects, pipeline)).entries:
        if _copied(objects, pipeline, seen):
            objects.put_json(layout.version_mark(pipeline, str(seen.tag)), {"status": "promoted", **seen.told})
            compare_and_swap(objects, pipeline, seen, replace(seen, entries={}))
    return seen


def _copied(objects: Objects, pipeline: str, seen: Journal) -> bool:
    """Copies what a journal holds into production's tables, then into the catalogue.

    Returns False when the journal is another one by now.
    """
    left: dict[str, bytes] = {}
    for step, values in seen.entries.items():
        given, removed = keys_in(values)
        standing = arrive(objects, pipeline, step, given, removed, str(seen.tag))
        stamp = f"promoted from {seen.tag}"
        entry_of = partial(layout.catalog_entry, PRODUCTION, pipeline, step)
        left |= {entry_of(key): encoded(objects, entry, stamp) for key, entry in standing.items()}
        gone = objects.encoded({**removal(), _STAMP: stamp})
        left |= {entry_of(key): gone for key in removed}
    while left:
        found = {path: objects.find(path) for path in left}
        # after those were read and before any is swapped: see above
        if read(objects, pipeline).found != seen.found:
            return False
        left = {path: data for path, data in left.items() if not _is_put(objects, path, data, found[path])}
    return True


def _is_put(objects: Objects, path: str, data: bytes, standing: Found | None) -> bool:
    return (standing is not None and standing.data == data) or objects.compare_and_swap(path, data, standing)
