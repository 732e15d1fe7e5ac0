"""Writers at the same time: none is lost, and each can read what it wrote."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from shelves import DAY, METRICS, MODEL, SETTINGS, entry, model, newest, numbers, save, shelf

from counterpoint.errors import StorageError
from counterpoint.storage import content_digest, tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Scripts

    from counterpoint.model import ArtifactRef
    from counterpoint.storage import Store

DAYS = [f"2026-01-{day:02}" for day in range(1, 9)]
WRITES = """
store = shelf(sys.argv[1])
mine = int(sys.argv[2])
save(shelf(sys.argv[1] + "-warm"), numbers(0))
print("ready")
sys.stdin.readline()
for turn in range(4):
    save(store, numbers(mine, mine), f"2026-02-{mine:02}")
    made = save(store, numbers(mine, mine), "2026-02-28")
    store.publish(entry(made, str(mine)))
    assert store.read(made)["x"].to_list() == [mine] * mine
"""


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """The results of `work(0..count-1)`, begun together."""
    start = Barrier(count)

    def begun(number: int) -> Any:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begun, range(count)))


def test_writers_of_different_partitions_of_a_new_table_are_all_kept(store: Store) -> None:
    at_once(len(DAYS), lambda n: save(store, numbers(n), DAYS[n]))
    assert [newest(store, day)["x"].to_list() for day in DAYS] == [[n] for n in range(len(DAYS))]


def test_writers_of_one_partition_of_a_new_table_leave_one_of_them_whole(store: Store) -> None:
    made: list[ArtifactRef] = at_once(6, lambda n: save(store, numbers(n, n + 1)))
    assert len({reference.table_version for reference in made}) == 6
    last = max(made, key=lambda reference: reference.table_version or 0)
    assert content_digest(newest(store)) == last.digest
    assert [content_digest(store.read(reference)) for reference in made] == [reference.digest for reference in made]


def test_the_second_of_two_first_writers_keeps_the_rows_of_the_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second looks before the first has committed, and commits after it."""
    save(store, numbers(1), DAYS[0])
    answers: list[Any] = []

    def look(uri: str, version: int | None = None) -> Any:
        answers.append(opened(uri, version) if answers else None)
        return answers[-1]

    opened = tables.open_table
    monkeypatch.setattr(tables, "open_table", look)
    made = save(store, numbers(2), DAYS[1])
    assert (made.table_version, len(answers)) == (2, 2)
    assert newest(store, DAYS[0])["x"].to_list() == [1]
    assert newest(store, DAYS[1])["x"].to_list() == [2]


def test_a_writer_that_always_loses_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from deltalake.exceptions import CommitFailedError

    tried: list[str] = []

    def lose(*given: Any) -> None:
        tried.append(given[0])
        raise CommitFailedError("somebody was faster")

    monkeypatch.setattr(tables, "_commit", lose)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(StorageError, match=r"rows: 12 commits of 2026-01-03 lost against other writers: run it again"):
        save(store, numbers(1))
    assert len(tried) == 12


def test_any_other_failure_is_not_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def fail(*given: Any) -> None:
        tried.append(given[0])
        raise OSError("no room")

    monkeypatch.setattr(tables, "_commit", fail)
    with pytest.raises(StorageError, match="rows cannot be read or written: no room; check that it exists"):
        save(store, numbers(1))
    assert len(tried) == 1


def test_processes_that_write_at_once_lose_nothing(scripts: Scripts, tmp_path: Path) -> None:
    root = str(tmp_path / "data")
    processes = [scripts.start(WRITES, root, str(number)) for number in (1, 2, 3)]
    assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * 3
    ended = [process.communicate("\n", timeout=60) for process in processes]
    assert [(process.returncode, err) for process, (_, err) in zip(processes, ended, strict=True)] == [(0, "")] * 3
    store = shelf(root)
    assert [newest(store, f"2026-02-{n:02}")["x"].to_list() for n in (1, 2, 3)] == [[1], [2] * 2, [3] * 3]
    standing = store.entry("rows", "2026-02-28")
    assert standing is not None
    winner = int(standing.fingerprint)
    assert store.read(standing.reference)["x"].to_list() == [winner] * winner


def test_models_and_entries_written_at_once_are_each_whole(store: Store) -> None:
    def work(number: int) -> None:
        made = store.write(METRICS, DAY, {"number": number, "long": "x" * 100_000}, SETTINGS)
        store.publish(entry(made, str(number)))

    at_once(8, work)
    standing = store.entry("metrics", DAY)
    assert standing is not None
    assert store.read(standing.reference)["number"] == int(standing.fingerprint)


def test_the_same_model_written_at_once_by_many_is_there_once(store: Store) -> None:
    made = at_once(8, lambda _: store.write(MODEL, DAY, model(1, 10_000), SETTINGS))
    assert len(set(made)) == 1
    assert store.list("artifacts") == [f"{store.path(made[0].uri)}/{n}" for n in ("model.json", "weights.safetensors")]
    assert store.read(made[0]).weights["w"].tolist() == [1.0] * 10_000
