"""Promotions, publications and readings at once: at every point of one of them another comes in between, whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

from shelves import DAYS, JOURNAL, name, names, publish, shelf

from counterpoint.storage import journal
from counterpoint.storage.objects import Objects
from counterpoint.storage.versions import promote

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from counterpoint.storage import Store


class Interrupted:
    """Lets others act right before the `number`th operation of a promotion or publication, then lets that go on.

    What a swap does while it holds the lock of a folder counts as one operation: others wait for it.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
        self.number, self.act, self.count, self.is_inside = number, act, 0, False
        for method in ("find", "put", "compare_and_swap", "put_among_swaps"):
            monkeypatch.setattr(Objects, method, self._wrapped(getattr(Objects, method)))

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def operation(objects: Objects, *words: Any) -> Any:
            if self.is_inside:
                return original(objects, *words)
            self.is_inside = True
            try:
                self.count += 1
                if self.count == self.number:
                    self.act()
                return original(objects, *words)
            finally:
                self.is_inside = False

        return operation


def test_what_is_published_at_any_point_of_a_promotion_stands_if_it_was_after_the_commit(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, "old", DAYS[:3])
    committed = []
    for number in range(1, 100):
        trial = shelf(store.root, f"trial-{number}")
        publish(trial, "new", DAYS[:3])

        def act(tag: str = trial.version) -> None:
            committed.append((store.get_json(JOURNAL) or {}).get("tag") == tag)
            publish(store, "late", [DAYS[1]])
            assert name(store, DAYS[1]) == "late"

        with monkeypatch.context() as patch:
            counted = Interrupted(patch, number, act)
            promote(trial)
        if counted.count < number:
            break
        # what was published before the commit point is promoted over, like all that stood then
        assert list(names(store).values()) == ["new", "late" if committed[-1] else "new", "new"]
    assert len(committed) > 20
    assert committed == sorted(committed)
    assert set(committed) == {False, True}


def test_what_is_published_stands_although_a_promotion_comes_in_between(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 100):
        trial = shelf(store.root, f"trial-{number}")
        publish(trial, "new", DAYS[:3])
        with monkeypatch.context() as patch:
            counted = Interrupted(patch, number, lambda: promote(trial))  # noqa: B023 - called in this turn
            publish(store, "late", [DAYS[1]])
        if counted.count < number:
            break
        assert list(names(store).values()) == ["new", "late", "new"]
    assert number > 3


def test_a_promotion_at_any_point_of_another_leaves_one_after_the_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 100):
        first, second = (shelf(store.root, f"{tag}-{number}") for tag in ("first", "second"))
        publish(first, "first", DAYS[:3])
        publish(second, "second", DAYS[1:4])
        with monkeypatch.context() as patch:
            counted = Interrupted(patch, number, lambda: promote(second))  # noqa: B023 - called in this turn
            promote(first)
        if counted.count < number:
            break
        assert not store.get_json(JOURNAL)["entries"]
        # never a mix in what both have
        assert list(names(store).values())[1:3] in (["first"] * 2, ["second"] * 2)
    assert number > 20


def test_a_promotion_at_any_point_of_a_reading_is_seen_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(store, "0", DAYS[:3])
    for number in range(1, 100):
        trial = shelf(store.root, f"trial-{number}")
        publish(trial, str(number), DAYS[:3])
        with monkeypatch.context() as patch:
            counted = Interrupted(patch, number, lambda: promote(trial))  # noqa: B023 - called in this turn
            found = names(store)
        if counted.count < number:
            break
        assert set(found.values()) in ({str(number)}, {str(number - 1)})
    assert number > 5


def test_whoever_reads_while_versions_are_promoted_sees_each_whole(store: Store) -> None:
    publish(store, "0", DAYS)
    for number in range(1, 6):
        publish(shelf(store.root, str(number)), str(number), DAYS)
    done = Event()

    def listed(each: Store) -> list[set[str]]:
        seen = [set(names(each).values())]
        while not done.is_set():
            seen.append(set(names(each).values()))
        return seen

    def one_by_one(each: Store) -> list[str | None]:
        seen: list[str | None] = []
        while not done.is_set():
            seen += [name(each, day) for day in reversed(DAYS)]
        return seen

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(listed, shelf(store.root, tag)) for tag in ("production", "other")]
        single = pool.submit(one_by_one, shelf(store.root))
        try:
            for number in range(1, 6):
                promote(shelf(store.root, str(number)))
        finally:
            done.set()
        for reader in readers:
            assert {len(seen) for seen in reader.result()} == {1}
        # who reads one by one never falls back to what stood before
        assert single.result() == sorted(single.result(), key=str)
    assert set(names(store).values()) == {"5"}


def test_publishers_and_promoters_at_once_lose_nothing(store: Store) -> None:
    """Each publisher, alone on its day, finds what it published, or one promoted meanwhile; never an older one."""
    tags = [f"v{number}" for number in range(4)]
    for tag in tags:
        publish(shelf(store.root, tag), tag, DAYS[:4])
    done = Event()

    def publisher(day: str) -> None:
        own, number, gone = shelf(store.root), 0, set[str]()
        while not done.is_set():
            number += 1
            publish(own, f"{day} {number}", [day])
            found = str(name(own, day))
            assert found == f"{day} {number}" or found in set(tags) - gone
            # a promotion that was published over does not come back
            gone |= {found} & set(tags)

    with ThreadPoolExecutor(6) as pool:
        publishers = [pool.submit(publisher, day) for day in DAYS[:4]]
        try:
            promoted = list(pool.map(lambda tag: promote(shelf(store.root, tag)), tags))
        finally:
            done.set()
        for each in publishers:
            each.result()
    assert {each.tag for each in promoted} == set(tags)
    assert not journal.read(store, "shelf").entries
