"""The promotion journal: one object whose put moves all entries of a version into production at once.

It has two states. Each is swapped for the state that was read before, and none ever returns, because each has a stamp:

- The journal names a promotion and holds its entries. They are the published ones, whatever the catalogue holds; some
  process still has to copy them into production's tables and catalogue.
- The journal names a promotion and holds no entries. They were copied, and the catalogue holds the published entries.

The journal is emptied, not removed: stores delete without a condition, so a late delete would remove a later journal.

Why a late copy cannot undo a publication: a copier reads the catalogue's entries, then checks that the journal is still
the one to copy, then swaps the entries that it read. A publisher sees a journal without entries, puts its entry, and
checks that the journal is still the same; otherwise it empties the journal and puts its entry again. If a copier's swap
succeeds after that put, it must have read the publisher's entry, because stamps keep earlier entries from returning.
The copier then checked the journal after that read and found it empty, so it made no swap at all.
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

    `entries` maps steps and partitions to the entries still to be copied; `told` holds the promotion's counts.
    """

    tag: str | None = None
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    told: Mapping[str, int] = field(default_factory=dict)
    dropping: tuple[str, ...] = ()
    found: Found | None = None


def encoded(objects: Objects, entry: Materialization, stamp: str) -> bytes:
    """An entry as it is stored; the stamp makes each put different."""
    return objects.encoded({**entry.to_dict(), _STAMP: stamp})


def decoded(values: Mapping[str, Any]) -> Materialization | None:
    """The inverse of `encoded`; None for a removed entry."""
    return (
        None
        if values.get(_REMOVED)
        else Materialization.from_dict({n: value for n, value in values.items() if n != _STAMP})
    )


def removal() -> dict[str, Any]:
    """The mark that replaces a removed entry, because stores cannot delete conditionally."""
    return {_REMOVED: True}


def read(objects: Objects, pipeline: str) -> Journal:
    """The current journal."""
    path = layout.promotion_journal(pipeline)
    stored = objects.find(path)
    if stored is None:
        return Journal()
    values = objects.parsed(path, stored.data)
    return Journal(values["tag"], values["entries"], values["told"], tuple(values["dropping"]), stored)


def compare_and_swap(objects: Objects, pipeline: str, old: Journal, new: Journal) -> bool:
    """Replaces the journal that was read before by a new one; False when it has changed since."""
    values: dict[str, Any] = {"tag": new.tag, "entries": new.entries, "told": new.told, "dropping": new.dropping}
    return objects.compare_and_swap(
        layout.promotion_journal(pipeline), objects.encoded({**values, _STAMP: uuid4().hex}), old.found
    )


def finish(objects: Objects, pipeline: str) -> Journal:
    """Completes the journal's promotion if it is not complete; returns the journal without entries."""
    while (journal := read(objects, pipeline)).entries:
        if _copied(objects, pipeline, journal):
            objects.put_json(layout.version_mark(pipeline, str(journal.tag)), {"status": "promoted", **journal.told})
            compare_and_swap(objects, pipeline, journal, replace(journal, entries={}))
    return journal


def _copied(objects: Objects, pipeline: str, journal: Journal) -> bool:
    """Copies a journal's entries into production's tables, then into the catalogue.

    Returns False when the journal has changed since.
    """
    pending: dict[str, bytes] = {}
    for step, values in journal.entries.items():
        entries, removed = keys_in(values)
        published = arrive(objects, pipeline, step, entries, removed, str(journal.tag))
        stamp = f"promoted from {journal.tag}"
        entry_of = partial(layout.catalog_entry, PRODUCTION, pipeline, step)
        pending |= {entry_of(key): encoded(objects, entry, stamp) for key, entry in published.items()}
        removal_mark = objects.encoded({**removal(), _STAMP: stamp})
        pending |= {entry_of(key): removal_mark for key in removed}
    while pending:
        stored = {path: objects.find(path) for path in pending}
        # checked after the entries were read and before any is swapped: see above
        if read(objects, pipeline).found != journal.found:
            return False
        pending = {path: data for path, data in pending.items() if not _is_put(objects, path, data, stored[path])}
    return True


def _is_put(objects: Objects, path: str, data: bytes, stored: Found | None) -> bool:
    return (stored is not None and stored.data == data) or objects.compare_and_swap(path, data, stored)
