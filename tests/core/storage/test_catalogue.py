"""What stands is what was published last, by step and partition; partial results beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
import shelves
from shelves import DAY, METRICS, MODEL, PIPELINE, SETTINGS, entry, model, numbers, save

from counterpoint.errors import DamagedOutputError, StorageError

if TYPE_CHECKING:
    from counterpoint.storage import Store

CODE = "sha256:" + "c" * 64


def test_what_is_written_does_not_stand_until_it_is_published(store: Store) -> None:
    made = save(store, numbers(1))
    assert store.entry("rows", DAY) is None
    store.publish(entry(made))
    assert store.entry("rows", DAY) == entry(made)


def test_publishing_again_replaces_what_stood(store: Store) -> None:
    for number in (1, 2):
        store.publish(entry(store.write(MODEL, DAY, model(number), SETTINGS)))
    standing = store.entry("model", DAY)
    assert standing is not None
    assert store.read(standing.reference).parameters == {"number": 2}
    assert list(store.entries("model")) == [DAY]


def test_entries_are_listed_by_partition_oldest_first(store: Store) -> None:
    days = ["2026-01-10", "2025-12-31", "2026-01-09"]
    for day in days:
        store.publish(entry(save(store, numbers(1), day)))
    store.publish(entry(store.write(METRICS, DAY, {}, SETTINGS)))
    assert list(store.entries("rows")) == sorted(days)
    assert store.entries("rows")[days[0]].reference.partition == days[0]
    assert store.entries("whole") == {}


def test_what_a_killed_writer_left_beside_an_entry_is_not_listed(store: Store) -> None:
    store.publish(entry(save(store, numbers(1))))
    # how the object store names what it has not yet put in place
    Path(store.uri(f"catalog/production/shelf/rows/{DAY}.json#1")).write_text('{"half')
    assert list(store.entries("rows")) == [DAY]


def test_an_entry_that_is_no_json_is_named(store: Store) -> None:
    store.put(f"catalog/production/shelf/rows/{DAY}.json", b'{"half')
    with pytest.raises(StorageError, match=rf"rows/{DAY}\.json is damaged .*counterpoint doctor --repair --root"):
        store.entry("rows", DAY)


def test_json_is_stored_in_one_form(store: Store) -> None:
    store.put_json("a.json", {"b": 1, "a": [None, "é"]})
    assert json.loads(store.get("a.json") or b"") == {"a": [None, "é"], "b": 1}
    assert (store.get("a.json") or b"").startswith(b'{"a"')
    assert store.get_json("b.json") is None


def test_a_partial_result_is_computed_once_per_content_and_code(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = save(store, numbers(4))
    assert store.partial(made, "shelves:doubled", CODE)["x"].to_list() == [8]
    monkeypatch.setattr(shelves, "doubled", lambda frame: frame.select(pl.all() * 3))
    # what is there is read, so it was not computed again
    assert store.partial(made, "shelves:doubled", CODE)["x"].to_list() == [8]
    assert store.partial(made, "shelves:doubled", CODE.replace("c", "d"))["x"].to_list() == [12]
    assert store.partial(save(store, numbers(6)), "shelves:doubled", CODE)["x"].to_list() == [18]


@pytest.mark.parametrize("damage", [b"", b"PAR1", None], ids=["empty", "cut", "other rows"])
def test_a_partial_result_that_is_not_what_was_written_is_computed_again(store: Store, damage: bytes | None) -> None:
    made = save(store, numbers(4))
    store.partial(made, "shelves:doubled", CODE)
    (stored,) = store.list("partials")
    if damage is None:
        numbers(5).write_parquet(store.uri(stored))
    else:
        store.put(stored, damage)
    assert store.partial(made, "shelves:doubled", CODE)["x"].to_list() == [8]
    assert store.stored_partial(made, "shelves:doubled", CODE) is not None


def test_a_partial_result_is_made_from_what_was_written_alone(store: Store) -> None:
    made = save(store, numbers(4))
    (file,) = Path(made.uri).rglob("*.parquet")
    numbers(5).write_parquet(file)
    with pytest.raises(DamagedOutputError):
        store.partial(made, "shelves:doubled", CODE)
    assert store.list("partials") == []


def test_a_step_that_is_not_of_the_pipeline_is_unknown(store: Store) -> None:
    assert "rows" in PIPELINE.step_names
    assert store.entry("unknown", DAY) is None
