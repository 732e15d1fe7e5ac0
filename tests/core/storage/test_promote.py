"""A promotion moves all or nothing into production, and closes its version; what was left of one is completed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from shelves import DAY, DAYS, JOURNAL, METRICS, ROWS, SETTINGS, entry, name, names, numbers, publish, save, shelf

from counterpoint.errors import UsageError
from counterpoint.storage.objects import Found, Objects
from counterpoint.storage.versions import Promotion, promote, versions

if TYPE_CHECKING:
    from counterpoint.storage import Store


@pytest.fixture
def trial(store: Store) -> Store:
    return shelf(store.root, "trial")


def test_what_is_promoted_stands_and_reads_as_it_did_in_the_version(store: Store, trial: Store) -> None:
    for each, number in ((store, 1), (trial, 2)):
        each.publish(entry(save(each, numbers(number))))
        each.publish(entry(each.write(METRICS, DAY, {"n": number}, SETTINGS)))
    assert promote(trial) == Promotion("trial", 2, 2, 0)
    rows, metrics = store.entry(ROWS.name, DAY), store.entry("metrics", DAY)
    assert rows
    assert metrics
    assert store.read(rows.reference)["x"].to_list() == [2]
    assert store.read(metrics.reference) == {"n": 2}
    of_trial = trial.entry(ROWS.name, DAY)
    assert of_trial
    assert (of_trial.reference.digest, rows.origin) == (rows.reference.digest, "trial")


def test_a_promotion_tells_what_it_replaced_and_what_was_equal(store: Store, trial: Store) -> None:
    publish(store, "old", DAYS[:4])
    publish(trial, "old", DAYS[:1])
    publish(trial, "new", DAYS[1:6])
    assert promote(trial) == Promotion("trial", 6, 3, 1)
    assert names(store) == {**dict.fromkeys(DAYS[:6], "new"), DAYS[0]: "old"}
    mark = store.get_json("versions/shelf/trial.json")
    assert mark == {"status": "promoted", "entries": 6, "replaced": 3, "equal": 1}


def test_what_the_version_does_not_have_stays(store: Store, trial: Store) -> None:
    publish(store, "old", DAYS[:3])
    publish(trial, "new", DAYS[1:2])
    promote(trial)
    assert list(names(store).values()) == ["old", "new", "old"]


def test_a_promoted_version_is_closed(store: Store, trial: Store) -> None:
    publish(trial, "new", [DAY])
    promote(trial)
    # also after another one was promoted, when the journal tells of that
    for other in ("second", "third"):
        for act in (lambda: promote(trial), lambda: publish(trial, "x", [DAY]), lambda: save(trial, numbers(1))):
            with pytest.raises(UsageError, match="version trial of shelf was promoted, so it stays as it is: choose"):
                act()
        later = shelf(store.root, other)
        publish(later, other, [DAY])
        promote(later)
    assert (name(store), name(trial)) == ("third", "new")


def test_what_is_published_into_a_version_while_it_is_promoted_does_not_pass_for_promoted(
    store: Store, trial: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(trial, "new", [DAY])
    put = Objects.put

    def put_late(self: Objects, path: str, data: bytes) -> None:
        if path.startswith("catalog/trial"):
            monkeypatch.undo()
            promote(shelf(store.root, "trial"))
        put(self, path, data)

    monkeypatch.setattr(Objects, "put", put_late)
    with pytest.raises(UsageError, match="was promoted"):
        publish(trial, "late", [DAY])
    assert name(store) == "new"


def stopped(store: Store, trial: Store, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """A promotion that ends, as if killed, after its journal and `after` copies."""
    swap, swaps = Objects.compare_and_swap, []

    def counted(self: Objects, path: str, data: bytes, old: Found | None) -> bool:
        if len(swaps) == after + 1:
            raise KeyboardInterrupt
        swaps.append(path)
        return swap(self, path, data, old)

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "compare_and_swap", counted)
        with pytest.raises(KeyboardInterrupt):
            promote(trial)
    assert store.get_json(JOURNAL)["entries"]


def test_a_journal_that_was_left_is_read_first(store: Store, trial: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(store, "old", DAYS[:5])
    publish(trial, "new", DAYS[:5])
    stopped(store, trial, monkeypatch, 2)
    other = shelf(store.root, "other")
    assert [name(each, day) for each in (store, other) for day in DAYS[:5]] == ["new"] * 10
    assert set(names(store).values()) | set(names(other).values()) == {"new"}
    assert [info.status for info in versions(store)] == ["promoted"]
    with pytest.raises(UsageError, match="was promoted"):
        publish(trial, "x", [DAY])
    assert promote(trial) == Promotion("trial", 5, 5, 0)
    assert not store.get_json(JOURNAL)["entries"]
    assert set(names(store).values()) == {"new"}


def test_a_later_publication_completes_what_was_left_and_wins(
    store: Store, trial: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, "old", DAYS[:5])
    publish(trial, "new", DAYS[:5])
    stopped(store, trial, monkeypatch, 1)
    publish(store, "later", [DAYS[3]])
    assert list(names(store).values()) == ["new", "new", "new", "later", "new"]
    assert not store.get_json(JOURNAL)["entries"]
    with pytest.raises(UsageError, match="was promoted"):
        promote(trial)


def test_a_later_promotion_completes_what_was_left(store: Store, trial: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(trial, "new", DAYS[:5])
    stopped(store, trial, monkeypatch, 1)
    other = shelf(store.root, "other")
    publish(other, "newer", DAYS[2:7])
    assert promote(other) == Promotion("other", 5, 3, 0)
    assert list(names(store).values()) == ["new", "new", *["newer"] * 5]
    assert [info.status for info in versions(store)] == ["promoted"] * 2
