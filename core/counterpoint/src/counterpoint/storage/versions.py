"""Versions of a pipeline's data, which can be promoted into production or dropped; a repeated call completes either."""

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
    """The counts of a promotion: entries moved, entries replaced by other content, and entries with equal content."""

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
    """The versions of the store's pipeline other than production, by tag, without those being dropped."""
    name, last = store.pipeline.name, read(store, store.pipeline.name)
    marked = {layout.name_of(path) for path in store.list(layout.versions_folder(name))}
    infos = []
    for tag in store.folders(layout.CATALOG):
        keys = sorted(key.partition(".")[0] for _, key in _own(store, tag))
        if keys and tag != PRODUCTION and tag not in last.dropping:
            status = VersionStatus.PROMOTED if tag in {*marked, last.tag} else VersionStatus.OPEN
            infos.append(VersionInfo(tag, status, len(keys), keys[0], keys[-1]))
    return infos


def _own(store: Store, tag: str) -> list[tuple[str, str]]:
    """The step and partition of each entry of a version, in the order of the listing."""
    paths = store.list(layout.version_folder(layout.CATALOG, tag, store.pipeline.name))
    entries = [layout.catalog_entry_of(path) for path in paths]
    return [(step, key) for _, _, step, key in filter(None, entries)]


def promote(store: Store, removed: Collection[tuple[str, str]] = ()) -> Promotion:
    """Moves all entries of the store's version into production at once; completes a promotion that was killed.

    Args:
        store: The store of the version.
        removed: The steps and partitions that the version no longer makes, and that are removed from production.

    Raises:
        UsageError: The version is production, has no entries, was promoted or is being dropped.
    """
    name, tag = store.pipeline.name, check_tag(store.version)
    while True:
        unfinished = read(store, name)
        if unfinished.tag == tag and unfinished.entries:
            return _finished(store, unfinished)
        # the checks after this read still hold at the swap: any promotion or drop in between changes the journal
        journal = finish(store, name)
        store.refuse_closed()
        new = _journal(store, journal, removed)
        for step, values in new.entries.items():
            stage(store, name, step, keys_in(values)[0])
        if compare_and_swap(store, name, journal, new):
            return _finished(store, new)


def _finished(store: Store, journal: Journal) -> Promotion:
    finish(store, store.pipeline.name)
    return Promotion(str(journal.tag), **journal.told)


def _journal(store: Store, previous: Journal, removed: Collection[tuple[str, str]]) -> Journal:
    """The journal that promotes the version's current entries."""
    entries: dict[str, dict[str, Any]] = {}
    replaced = equal = 0
    for step, key in _own(store, store.version):
        values = store.get_json(layout.catalog_entry(store.version, store.pipeline.name, step, key))
        if values is None or store.own_entry(step, key) is None:  # the second: its branch has chosen otherwise since
            continue
        entry = decoded(values)
        assert entry is not None  # noqa: S101 - only production has removed entries
        entries.setdefault(step, {})[key] = entry.to_dict()
        stored = store.get_json(layout.catalog_entry(PRODUCTION, store.pipeline.name, step, key))
        replaced_entry = decoded(stored) if stored else None
        if replaced_entry is not None:
            is_equal = replaced_entry.reference.digest == entry.reference.digest
            replaced, equal = replaced + (not is_equal), equal + is_equal
    count = sum(map(len, entries.values()))
    if not count:
        raise unknown(store.version, store.pipeline.name, [info.tag for info in versions(store)])
    for step, key in removed:
        entries.setdefault(step, {})[key] = removal()
    return Journal(store.version, entries, {"entries": count, "replaced": replaced, "equal": equal}, previous.dropping)


def drop(store: Store) -> int:
    """Deletes the store's version with all its data, unless it was promoted; returns the number of its entries.

    Raises:
        UsageError: The version is production, unknown, or was promoted.
    """
    name, tag = store.pipeline.name, check_tag(store.version)
    while tag not in (journal := finish(store, name)).dropping:
        store.refuse_closed()
        _refuse_unknown(store)
        # from here on it cannot be promoted: a process that read the journal before can no longer swap it
        compare_and_swap(store, name, journal, replace(journal, dropping=(*journal.dropping, tag)))
    count = len(_own(store, tag))
    for room in layout.VERSIONED:
        # another process may have completed the drop, and a new version of the same tag may have begun
        if tag in read(store, name).dropping:
            store.delete_folder(layout.version_folder(room, tag, name))
    while tag in (journal := finish(store, name)).dropping:
        compare_and_swap(
            store, name, journal, replace(journal, dropping=tuple(other for other in journal.dropping if other != tag))
        )
    return count


def _refuse_unknown(store: Store) -> None:
    """Refuses a tag that has neither entries nor data; a failed run may leave data without entries."""
    folders = [layout.version_folder(room, store.version, store.pipeline.name) for room in layout.VERSIONED]
    if not any(map(store.list, folders)):
        raise unknown(store.version, store.pipeline.name, [info.tag for info in versions(store)])


def is_promoted(store: Store) -> bool:
    """Whether the store's version was promoted."""
    name = store.pipeline.name
    return read(store, name).tag == store.version or store.get(layout.version_mark(name, store.version)) is not None
