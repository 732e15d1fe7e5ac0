"""Killed after any of its operations, a promotion or drop is seen whole or not at all, and completed by another."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable
from shelves import DAYS, JOURNAL, entry, names, numbers, publish, save, shelf

from counterpoint.errors import UsageError
from counterpoint.storage.versions import Promotion, drop, promote, versions

if TYPE_CHECKING:
    from conftest import Scripts

    from counterpoint.storage import Store

COUNT = 30
# Every root gets a process of its own, forked before anything has threads, that kills itself after its nth operation.
KILLS = """
import os, shutil
import obstore.exceptions, obstore.store
from deltalake import DeltaTable
from counterpoint.storage.objects import Objects
from counterpoint.storage.versions import drop, promote

def die_after(number):
    left = [number]
    def counted(original):
        def operation(self, *words, **more):
            done = original(self, *words, **more)
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), 9)
            return done
        return operation
    for method in ("put", "delete_folder"):
        setattr(Objects, method, counted(getattr(Objects, method)))
    DeltaTable.create_write_transaction = counted(DeltaTable.create_write_transaction)

base, act = sys.argv[1], {"promote": promote, "drop": drop}[sys.argv[2]]
for number in range(1, 1000):
    root = f"{base}-{number}"
    shutil.copytree(base, root)
    child = os.fork()
    if not child:
        die_after(number)
        act(shelf(root, "trial"))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), root, flush=True)
    if not status:
        break
"""


def killed(scripts: Scripts, base: str, act: str) -> list[str]:
    """The roots that a process left which was killed after its first, second, ... operation."""
    code, out, err = scripts.run(KILLS, base, act)
    assert code == 0, err
    ends = [line.partition(" ") for line in out.splitlines()]
    assert [end for end, _, _ in ends] == ["-9"] * (len(ends) - 1) + ["0"]
    return [root for _, _, root in ends]


def furnished(root: str) -> Store:
    """Production with one entry that the version does not have, and one fewer of the others."""
    store = shelf(root)
    publish(store, "old", DAYS[1 : COUNT + 1])
    publish(shelf(root, "trial"), "new", DAYS[:COUNT])
    return store


@pytest.fixture(scope="module")
def roots(scripts: Scripts, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What promotions left, and a copy of each."""
    found = killed(scripts, furnished(str(tmp_path_factory.mktemp("kills") / "data")).root, "promote")
    for root in found:
        shutil.copytree(root, f"{root}-copy")
    return found


OLD = dict.fromkeys(DAYS[1 : COUNT + 1], "old")
NEW = {**dict.fromkeys(DAYS[:COUNT], "new"), DAYS[COUNT]: "old"}
UNDISTURBED = Promotion("trial", COUNT, COUNT - 1, 0)


def catalogue(root: str) -> dict[str, object]:
    """All that a promotion leaves, without the stamps."""
    places = [path for room in ("catalog", "versions") for path in Path(root, room).rglob("*.json")]
    values = {str(path.relative_to(root)): json.loads(path.read_text()) for path in places}
    return {path: {**value, "stamp": None} for path, value in values.items()}


def test_killed_after_any_operation_a_promotion_is_seen_whole_or_not_and_completes(roots: list[str]) -> None:
    assert len(roots) > COUNT
    seen = []
    for root in roots:
        store = shelf(root)
        found = names(store)
        seen.append("new" in found.values())
        assert found == (NEW if seen[-1] else OLD)
        assert {day: getattr(store.entry("metrics", day), "fingerprint", None) for day in found} == found
        assert [info.status for info in versions(store)] == ["promoted" if seen[-1] else "open"]
        completes(root)
    assert seen == sorted(seen)
    # the second-last was killed when all was done, the last was not killed
    assert catalogue(roots[0]) == catalogue(roots[-1])


def completes(root: str) -> None:
    store = shelf(root)
    was_done = not (store.get_json(JOURNAL) or {"entries": True})["entries"]
    if was_done:
        with pytest.raises(UsageError, match="was promoted"):
            promote(shelf(root, "trial"))
    else:
        assert promote(shelf(root, "trial")) == UNDISTURBED
    assert names(store) == NEW
    assert not store.get_json(JOURNAL)["entries"]
    assert store.get_json("versions/shelf/trial.json") == {
        "status": "promoted", "entries": COUNT, "replaced": COUNT - 1, "equal": 0
    }  # fmt: skip


def test_killed_after_any_operation_a_promotion_is_completed_by_who_publishes(roots: list[str]) -> None:
    for root in (f"{root}-copy" for root in roots[::3]):
        store = shelf(root)
        expected = NEW if "new" in names(store).values() else OLD
        publish(store, "late", [DAYS[5]])
        assert names(store) == {**expected, DAYS[5]: "late"}
        assert not (store.get_json(JOURNAL) or {"entries": {}})["entries"]


def test_killed_after_any_operation_tables_hold_what_stands_once_it_is_completed(
    tmp_path: Path, scripts: Scripts
) -> None:
    base = shelf(str(tmp_path / "data"))
    for version, number, days in ((base, 1, DAYS[:2]), (shelf(base.root, "trial"), 2, DAYS[1:4])):
        for day in days:
            version.publish(entry(save(version, numbers(number, 2), day)))
    roots = killed(scripts, base.root, "promote")
    assert len(roots) > 8
    for number, root in enumerate(roots):
        store, before = shelf(root), plain(root)
        assert before in ([1] * 4, [1, 1, *[2] * 6])
        standing = {day: store.read(found.reference)["x"][0] for day, found in store.entries("rows").items()}
        assert standing in ({DAYS[0]: 1, DAYS[1]: 1}, {DAYS[0]: 1, **dict.fromkeys(DAYS[1:4], 2)})
        if number % 2:
            publish(store, "late", [DAYS[5]])
        else:
            with suppress(UsageError):
                promote(shelf(root, "trial"))
        is_new = len(store.entries("rows")) == 4
        assert plain(root) == ([1, 1, *[2] * 6] if is_new else [1] * 4)


def plain(root: str) -> list[int]:
    """What a reader of Delta finds in production."""
    found = DeltaTable(f"{root}/tables/production/shelf/rows").to_pyarrow_table()
    return sorted(found.column("x").to_pylist())


def test_killed_after_any_operation_a_drop_completes(tmp_path: Path, scripts: Scripts) -> None:
    base = furnished(str(tmp_path / "data"))
    trial = shelf(base.root, "trial")
    trial.publish(entry(save(trial, numbers(1))))
    roots = killed(scripts, base.root, "drop")
    assert len(roots) > 4
    for root in roots[:-2]:
        drop(shelf(root, "trial"))
    for root in roots:
        store = shelf(root)
        assert (versions(store), names(store), names(shelf(root, "trial"))) == ([], OLD, OLD)
        assert [path for path in Path(root).rglob("*") if path.is_file() and "/trial/" in str(path)] == []
        with pytest.raises(UsageError, match="no version 'trial'"):
            drop(shelf(root, "trial"))
