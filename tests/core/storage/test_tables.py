"""Partitions of tables: replaced whole, never appended to, and what is referred to stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from shelves import DAY, PIPELINE, SETTINGS, WHOLE, newest, numbers, save, shelf

from counterpoint.errors import StepError, StorageError
from counterpoint.model import OutputKind, PartitionKind, Partitions, Pipeline
from counterpoint.storage import Store

if TYPE_CHECKING:
    from pathlib import Path

NEXT = "2026-01-04"


def test_a_reference_says_what_was_written_and_where(store: Store) -> None:
    made = save(store, numbers(7, 3))
    files = [path for path in store.list("tables/production/shelf/rows") if path.endswith(".parquet")]
    sizes = [len(store.get(path) or b"") for path in files]
    assert (made.step, made.partition, made.kind) == ("rows", DAY, OutputKind.TABLE)
    assert made.uri == store.uri("tables/production/shelf/rows")
    assert (made.table_version, made.rows, made.bytes) == (1, 3, sum(sizes))


def test_writing_a_partition_again_replaces_it_and_leaves_the_others(store: Store) -> None:
    save(store, numbers(1, 5))
    save(store, numbers(2, 5), NEXT)
    save(store, numbers(3, 2))
    assert newest(store)["x"].to_list() == [3, 3]
    assert newest(store, NEXT)["x"].to_list() == [2] * 5


def test_the_same_rows_again_are_the_same_rows_once(store: Store) -> None:
    first, again = save(store, numbers(1, 5)), save(store, numbers(1, 5))
    assert newest(store).height == 5
    assert first.digest == again.digest


def test_an_empty_frame_empties_the_partition(store: Store) -> None:
    save(store, numbers(1, 5))
    emptied = save(store, numbers(1, 0))
    assert newest(store).shape == (0, 1)
    assert store.read(emptied).schema == {"x": pl.Int64}


def test_an_older_reference_still_reads_what_it_referred_to(store: Store) -> None:
    old = save(store, numbers(1, 5))
    save(store, numbers(2))
    assert store.read(old)["x"].to_list() == [1] * 5


def test_a_table_without_partitions_is_replaced_as_a_whole(store: Store) -> None:
    old = store.write(WHOLE, DAY, numbers(1, 5), SETTINGS)
    new = store.write(WHOLE, NEXT, pl.DataFrame({"y": ["z"]}), SETTINGS)
    assert store.read(new).to_dicts() == [{"y": "z"}]
    assert store.read(old)["x"].to_list() == [1] * 5


def test_a_later_partition_may_have_another_column(store: Store) -> None:
    old = save(store, numbers(1))
    new = save(store, pl.DataFrame({"x": [2], "y": ["z"]}), NEXT)
    assert store.read(old).to_dicts() == [{"x": 1}]
    assert store.read(new).to_dicts() == [{"x": 2, "y": "z"}]


def test_a_column_named_like_the_partitions_is_refused_for_it_would_be_lost(store: Store) -> None:
    frame = pl.DataFrame({"date": ["2025-12-31"], "x": [1]})
    with pytest.raises(StepError, match="output of rows has a column 'date', which names the partitions"):
        save(store, frame)
    kept = store.read(store.write(WHOLE, DAY, frame, SETTINGS))
    assert kept.to_dicts() == frame.to_dicts()


def test_versions_of_the_data_do_not_see_each_other(store: Store, tmp_path: Path) -> None:
    trial = shelf(str(tmp_path / "data"), "trial")
    standing, tried = save(store, numbers(1)), save(trial, numbers(2))
    assert standing.uri != tried.uri
    assert (store.read(standing)["x"][0], trial.read(tried)["x"][0]) == (1, 2)


@pytest.mark.parametrize(("kind", "key"), [(PartitionKind.HOURLY, "2026-01-03T23"), (PartitionKind.MONTHLY, "2026-01")])
def test_partitions_of_other_lengths_name_their_column(tmp_path: Path, kind: PartitionKind, key: str) -> None:
    store = Store(str(tmp_path), Pipeline("shelf", PIPELINE.steps, Partitions(kind, key)))
    save(store, numbers(1), key)
    made = save(store, numbers(2, 2), key)
    assert store.read(made)["x"].to_list() == [2, 2]
    assert any(f"/{kind.value}={key}/" in path for path in store.list("tables"))


def test_elements_of_a_mapped_step_are_partitions_of_their_own(store: Store) -> None:
    made = [save(store, numbers(index), f"{DAY}.{index}") for index in range(3)]
    assert [store.read(reference)["x"].to_list() for reference in made] == [[0], [1], [2]]


def test_a_table_that_was_removed_is_named_with_what_to_do(store: Store, tmp_path: Path) -> None:
    made = save(store, numbers(1))
    (tmp_path / "data" / "tables").rename(tmp_path / "away")
    with pytest.raises(StorageError, match=r"rows/_delta_log is gone, or holds no commit, .*run the step again"):
        store.read(made)
