"""Versions of a pipeline's data: promoted into production at once, or dropped; both complete when repeated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from counterpoint.model import PRODUCTION
from counterpoint.storage import layout
from counterpoint.storage.journal import Journal, compare_and_swap, decoded, finish, read, removal
from counterpoint.storage.production import keys_in, stage
from counterpoint.storage.tags import check_tag, unknown

if TYPE_CHECKING:
    from collections.abc import Collection

    from counterpoint.storage.store import Store


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion moved: how many entries, and over how many of another content and of an equal one."""

    tag: str
    entries: int
    replaced: int
    equal: int


class VersionStatus(StrEnum):
    """Whether a version can still be written to."""

    OPEN = "open"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version, the number of its own entries, and the first and last of their partitions."""

    tag: str
    status: VersionStatus
    entries: int
    first: str
    last: str


def versions(store: Store) -> list[VersionInfo]:
    """The versions of the store's pipeline beside production, by tag; those being dropped are left out."""
    name, last = store.pipeline.name, read(store, store.pipeline.name)
    marked = {layout.name_of(path) for path in store.list(layout.versions_folder(name))}
    found = []
    for tag in store.folders(layout.CATALOG):
        keys = sorted(key.partition(".")[0] for _, key in _own(store, tag))
        if keys and tag != PRODUCTION and tag not in last.dropping:
            status = VersionStatus.PROMOTED if tag in {*marked, last.tag} else VersionStatus.OPEN
            found.append(VersionInfo(tag, status, len(keys), keys[0], keys[-1]))
    return found


def _own(store: Store, tag: str) -> list[tuple[str, str]]:
    """The step and partition of each entry of a version, as they are listed."""
    paths = store.list(layout.version_folder(layout.CATALOG, tag, store.pipeline.name))
    found = [layout.catalog_entry_of(path) for path in paths]
    return [(step, key) for _, _, step, key in filter(None, found)]


def promote(store: Store, removed: Collection[tuple[str, str]] = ()) -> Promotion:
    """Makes all entries of the store's version those of production, at once; completes what was killed in it.

    `removed` are the steps and partitions that the version does not make any more: they stand no longer.

    Raises:
        UsageError: it is production, has no entries, was promoted or is being dropped.
    """
    name, tag = store.pipeline.name, check_tag(store.version)
    while True:
        begun = read(store, name)
        if begun.tag == tag and begun.entries:
            return _finished(store, begun)
        # what was read before this swap holds at it: else the journal was swapped, by a promotion or a drop
        seen = finish(store, name)
        store.refuse_closed()
        new = _journal(store, seen, removed)
        for step, values in new.entries.items():
            stage(store, name, step, keys_in(values)[0])
        if compare_and_swap(store, name, seen, new):
            return _finished(store, new)


def _finished(store: Store, journal: Journal) -> Promotion:
    finish(store, store.pipeline.name)
    return Promotion(str(journal.tag), **journal.told)


def _journal(store: Store, seen: Journal, removed: Collection[tuple[str, str]]) -> Journal:
    """The journal that promotes what the version has now."""
    entries: dict[str, dict[str, Any]] = {}
    replaced = equal = 0
    for step, key in _own(store, store.version):
        values = store.get_json(layout.catalog_entry(store.version, store.pipeline.name, step, key))
        if values is None or store.own_entry(step, key) is None:  # the second: its branch chose otherwise since
            continue
        entry = decoded(values)
        assert entry is not None  # noqa: S101 - nothing is taken away from a version
        entries.setdefault(step, {})[key] = entry.to_dict()
        stored = store.get_json(layout.catalog_entry(PRODUCTION, store.pipeline.name, step, key))
        standing = decoded(stored) if stored else None
        if standing is not None:
            is_equal = standing.reference.digest == entry.reference.digest
            replaced, equal = replaced + (not is_equal), equal + is_equal
    count = sum(map(len, entries.values()))
    if not count:
        raise unknown(store.version, store.pipeline.name, [info.tag for info in versions(store)])
    for step, key in removed:
        entries.setdefault(step, {})[key] = removal()
    return Journal(store.version, entries, {"entries": count, "replaced": replaced, "equal": equal}, seen.dropping)


def drop(store: Store) -> int:
    """Forgets the store's version with all its data, unless it was promoted; returns how many entries it had.

    Raises:
        UsageError: it is production, unknown, or was promoted.
    """
    name, tag = store.pipeline.name, check_tag(store.version)
    while tag not in (seen := finish(store, name)).dropping:
        store.refuse_closed()
        _refuse_unknown(store)
        # from here on nobody promotes it: who read the journal before cannot swap it any more
        compare_and_swap(store, name, seen, replace(seen, dropping=(*seen.dropping, tag)))
    count = len(_own(store, tag))
    for room in layout.VERSIONED:
        # somebody else may have completed this, and somebody begun a version of the same tag anew
        if tag in read(store, name).dropping:
            store.delete_folder(layout.version_folder(room, tag, name))
    while tag in (seen := finish(store, name)).dropping:
        compare_and_swap(
            store, name, seen, replace(seen, dropping=tuple(other for other in seen.dropping if other != tag))
        )
    return count


def _refuse_unknown(store: Store) -> None:
    """Refuses a tag that has neither entries nor, after a run that failed, data."""
    folders = [layout.version_folder(room, store.version, store.pipeline.name) for room in layout.VERSIONED]
    if not any(map(store.list, folders)):
        raise unknown(store.version, store.pipeline.name, [info.tag for info in versions(store)])


def is_promoted(store: Store) -> bool:
    """Whether the store's version was promoted."""
    name = store.pipeline.name
    return read(store, name).tag == store.version or store.get(layout.version_mark(name, store.version)) is not None
