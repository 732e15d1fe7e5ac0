"""Versions lie over production; what was promoted stays as it is, what is dropped is gone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shelves import DAY, METRICS, MODEL, ROWS, SETTINGS, entry, model, numbers, save, shelf

from counterpoint.deadletters import keep
from counterpoint.errors import StorageError, UsageError
from counterpoint.storage.objects import Found, Objects
from counterpoint.storage.versions import VersionInfo, VersionStatus, drop, is_promoted, promote, versions

if TYPE_CHECKING:
    from counterpoint.storage import Store

NEXT = "2026-01-04"


@pytest.fixture
def trial(store: Store) -> Store:
    return shelf(store.root, "trial")


def stands(store: Store, number: int, day: str = DAY) -> None:
    store.publish(entry(store.write(METRICS, day, {"n": number}, SETTINGS)))


def value(store: Store, day: str = DAY) -> int | None:
    found = store.entry("metrics", day)
    return store.read(found.reference)["n"] if found else None


def test_a_version_shows_its_own_and_else_what_stands_in_production(store: Store, trial: Store) -> None:
    stands(store, 1)
    stands(store, 2, NEXT)
    assert (value(trial), trial.own_entry("metrics", DAY), trial.own_entries("metrics")) == (1, None, {})
    stands(trial, 3, NEXT)
    stands(trial, 4, "2025-12-31")
    assert [value(trial, day) for day in (DAY, NEXT)] == [1, 3]
    assert list(trial.own_entries("metrics")) == ["2025-12-31", NEXT]
    merged = {day: trial.read(found.reference)["n"] for day, found in trial.entries("metrics").items()}
    assert list(merged.items()) == [("2025-12-31", 4), (DAY, 1), (NEXT, 3)]


def test_nothing_of_a_version_reaches_production_or_another_version(store: Store, trial: Store) -> None:
    stands(store, 1)
    trial.publish(entry(save(trial, numbers(2))))
    stands(trial, 2)
    assert (value(store), value(shelf(store.root, "other"))) == (1, 1)
    assert (store.entries("rows"), shelf(store.root, "other").entry("rows", DAY)) == ({}, None)
    assert store.own_entries("metrics") == store.entries("metrics")


def test_what_is_adopted_stays_when_production_changes(store: Store, trial: Store) -> None:
    stands(store, 1)
    adopted = store.entry("metrics", DAY)
    assert adopted
    trial.pin(adopted)
    store.pin(adopted)
    stands(store, 2)
    assert (value(trial), value(store)) == (1, 2)
    newer = store.entry("metrics", DAY)
    assert newer
    trial.pin(newer)
    assert value(trial) == 1


@pytest.mark.parametrize("tag", ["", "-a", ".hidden", "a/b", "a b", "..", "a" * 65, "ä", "a\n"])
def test_what_is_no_tag_is_refused(store: Store, tag: str) -> None:
    with pytest.raises(UsageError, match=r"is no tag of a version: take up to 64 letters, digits, dots, - and _"):
        shelf(store.root, tag)


@pytest.mark.parametrize("tag", ["a", "7", "2026-01_try.3", "a" * 64])
def test_what_is_a_tag(store: Store, tag: str) -> None:
    stands(shelf(store.root, tag), 1)
    assert [info.tag for info in versions(store)] == [tag]


def test_versions_are_told_with_their_partitions(store: Store, trial: Store) -> None:
    assert versions(store) == []
    stands(store, 1)
    for day in (NEXT, DAY, "2026-01-09"):
        stands(trial, 2, day)
    trial.publish(entry(save(trial, numbers(1))))
    other = shelf(store.root, "another")
    # an element of a mapped step
    stands(other, 3, f"{DAY}.1")
    promote(other)
    assert versions(trial) == [
        VersionInfo("another", VersionStatus.PROMOTED, 1, DAY, DAY),
        VersionInfo("trial", VersionStatus.OPEN, 4, DAY, "2026-01-09"),
    ]
    assert (is_promoted(other), is_promoted(trial)) == (True, False)


def test_a_dropped_version_is_gone_with_its_data_and_nothing_else_is(store: Store, trial: Store) -> None:
    for each in (store, trial):
        stands(each, 1)
        each.publish(entry(each.write(MODEL, DAY, model(1), SETTINGS)))
        each.publish(entry(save(each, numbers(1))))
        keep(each, ROWS, DAY, numbers(1), "run")
    before = {str(path) for path in Path(store.root).rglob("*") if "/production/" in str(path)}
    assert drop(trial) == 3
    assert (versions(store), trial.own_entries("rows"), value(trial)) == ([], {}, 1)
    left = {str(path) for path in Path(store.root).rglob("*")}
    assert [path for path in left if "/trial/" in path] == []
    assert {path for path in left if "/production/" in path} == before | {
        store.uri("catalog/production/shelf/.promotion.json")
    }


def test_the_tag_of_a_dropped_version_can_be_used_again(store: Store, trial: Store) -> None:
    trial.publish(entry(save(trial, numbers(1, 3))))
    drop(trial)
    trial.publish(entry(save(trial, numbers(2))))
    assert promote(trial).entries == 1
    standing = store.entry("rows", DAY)
    assert standing
    assert store.read(standing.reference)["x"].to_list() == [2]


def test_what_a_failed_run_left_without_entries_is_dropped_too(store: Store, trial: Store) -> None:
    save(trial, numbers(1))
    assert (versions(store), drop(trial), trial.list("tables")) == ([], 0, [])


def test_an_unknown_version_is_refused_with_those_that_there_are(store: Store, trial: Store) -> None:
    stands(store, 1)
    with pytest.raises(UsageError, match=r"^shelf has no version 'trial': there are none$"):
        drop(trial)
    stands(trial, 1)
    stands(shelf(store.root, "other"), 1)
    with pytest.raises(UsageError, match=r"^shelf has no version 'trail': did you mean 'trial'\? there are other, tri"):
        drop(shelf(store.root, "trail"))
    with pytest.raises(UsageError, match=r"^shelf has no version 'trail': did you mean 'trial'\?"):
        promote(shelf(store.root, "trail"))


@pytest.mark.parametrize("act", [promote, drop])
def test_production_is_neither_promoted_nor_dropped(store: Store, act) -> None:
    stands(store, 1)
    with pytest.raises(UsageError, match="production is what stands, and no version beside it: choose another tag"):
        act(store)
    assert value(store) == 1


def test_a_drop_that_was_killed_is_completed_and_holds_the_version_until_then(
    store: Store, trial: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands(trial, 1)
    save(trial, numbers(1))
    delete, left = Objects.delete_folder, ["catalog", "tables", "artifacts"]

    def killed(self: Objects, folder: str) -> None:
        if folder.startswith(left[0]):
            raise KeyboardInterrupt
        delete(self, folder)

    monkeypatch.setattr(Objects, "delete_folder", killed)
    while left:
        with pytest.raises(KeyboardInterrupt):
            drop(trial)
        for act in (lambda: stands(trial, 2), lambda: promote(trial)):
            with pytest.raises(UsageError, match="version trial of shelf is being dropped: drop it again to have that"):
                act()
        assert versions(store) == []
        left.pop(0)
        if not left:
            monkeypatch.undo()
    assert drop(trial) == 0
    stands(trial, 3)
    assert value(trial) == 3


def test_of_a_promotion_and_a_drop_at_once_one_is_refused(
    store: Store, trial: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands(trial, 1)
    swap = Objects.compare_and_swap
    raced = []

    def dropped_meanwhile(self: Objects, path: str, data: bytes, old: Found | None) -> bool:
        if not raced:
            raced.append(1)
            drop(shelf(store.root, "trial"))
        return swap(self, path, data, old)

    monkeypatch.setattr(Objects, "compare_and_swap", dropped_meanwhile)
    # what it read before the drop is not promoted after it
    with pytest.raises(UsageError, match="shelf has no version 'trial'"):
        promote(trial)
    assert value(store) is None


def test_what_was_promoted_while_it_was_to_be_dropped_is_kept(
    store: Store, trial: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands(trial, 1)
    swap = Objects.compare_and_swap
    raced = []

    def promoted_meanwhile(self: Objects, path: str, data: bytes, old: Found | None) -> bool:
        if not raced:
            raced.append(1)
            promote(shelf(store.root, "trial"))
        return swap(self, path, data, old)

    monkeypatch.setattr(Objects, "compare_and_swap", promoted_meanwhile)
    with pytest.raises(UsageError, match="version trial of shelf was promoted, so it stays as it is"):
        drop(trial)
    assert value(store) == 1


def test_an_object_is_removed_if_it_is_there(store: Store) -> None:
    store.put("a.json", b"1")
    for _ in range(2):
        store.delete("a.json")
    assert store.get("a.json") is None


def test_a_swap_hits_what_was_found_only(store: Store) -> None:
    assert store.compare_and_swap("a.json", b"1", None)
    assert not store.compare_and_swap("a.json", b"2", None)
    found = store.find("a.json")
    assert store.compare_and_swap("a.json", b"3", found)
    assert not store.compare_and_swap("a.json", b"4", found)
    assert store.get("a.json") == b"3"


def test_a_journal_that_is_no_json_is_named(store: Store) -> None:
    store.put("catalog/production/shelf/.promotion.json", b'{"half')
    with pytest.raises(StorageError, match=r"production/shelf/\.promotion\.json is damaged \(no JSON"):
        store.entry("metrics", DAY)
