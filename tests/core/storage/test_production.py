"""Production's tables are ordinary Delta tables that hold what stands: any reader of Delta finds it there."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from shelves import PIPELINE, ROWS, SETTINGS, WHOLE, entry, numbers, save, shelf

from counterpoint.errors import UsageError
from counterpoint.storage import Store, content_digest, drop, promote

DAYS = [f"2026-01-{day:02}" for day in range(1, 6)]


def table(store: Store, step: str = "rows") -> pl.DataFrame:
    """What a reader of Delta finds in production, who knows nothing of the catalogue."""
    found = DeltaTable(store.uri(f"tables/production/shelf/{step}")).to_pyarrow_table()
    return pl.DataFrame(found)


def standing(store: Store) -> dict[str, str]:
    return {day: found.reference.digest for day, found in store.entries("rows").items()}


def judged(store: Store) -> dict[str, str]:
    """The digest of each partition of the plain table."""
    rows = table(store)
    return {str(day): content_digest(part.drop("date")) for (day,), part in rows.group_by("date")}


def put(store: Store, day: str, number: int, count: int = 1) -> None:
    store.publish(entry(save(store, numbers(number, count), day), str(number)))


def test_what_is_promoted_is_in_the_table_in_one_commit(store: Store) -> None:
    trial = shelf(store.root, "trial")
    put(store, DAYS[0], 1)
    put(store, DAYS[1], 2, 3)
    before = DeltaTable(store.uri("tables/production/shelf/rows")).version()
    for day in DAYS[1:4]:
        put(trial, day, 7, 2)
    promote(trial)
    plain = DeltaTable(store.uri("tables/production/shelf/rows"))
    assert plain.version() == before + 1
    assert sorted(table(store)["x"].to_list()) == [1, *[7] * 6]
    assert judged(store) == standing(store)
    assert pl.read_delta(store.uri("tables/production/shelf/rows")).height == 7
    for found in store.entries("rows").values():
        assert found.reference.uri == store.uri("tables/production/shelf/rows")
        assert content_digest(store.read(found.reference)) == found.reference.digest


def test_production_needs_nothing_of_the_version(store: Store) -> None:
    trial = shelf(store.root, "trial")
    put(trial, DAYS[0], 7)
    trial.publish(entry(trial.write(PIPELINE.step("metrics"), DAYS[0], {"n": 1}, SETTINGS)))
    promote(trial)
    for room in ("tables", "artifacts"):
        shutil.rmtree(Path(store.root, room, "trial"))
    rows, metrics = (store.entry(step, DAYS[0]) for step in ("rows", "metrics"))
    assert rows
    assert metrics
    assert store.read(rows.reference)["x"].to_list() == [7]
    assert store.read(metrics.reference) == {"n": 1}


def test_a_table_without_partitions_holds_its_newest(store: Store) -> None:
    trial = shelf(store.root, "trial")
    for day, number in zip(DAYS[:3], (1, 2, 3), strict=True):
        trial.publish(entry(trial.write(WHOLE, day, numbers(number), SETTINGS)))
    promote(trial)
    assert table(store, "whole")["x"].to_list() == [3]
    store.publish(entry(store.write(WHOLE, DAYS[0], numbers(9), SETTINGS)))
    assert table(store, "whole")["x"].to_list() == [3]
    store.publish(entry(store.write(WHOLE, DAYS[4], numbers(8), SETTINGS)))
    assert table(store, "whole")["x"].to_list() == [8]
    found = {day: store.read(each.reference)["x"].to_list() for day, each in store.entries("whole").items()}
    assert found == {DAYS[0]: [9], DAYS[1]: [2], DAYS[2]: [3], DAYS[4]: [8]}


def test_new_columns_are_added_and_other_types_refused_before_anything_stands(store: Store) -> None:
    put(store, DAYS[0], 1)
    wider, other = shelf(store.root, "wider"), shelf(store.root, "other")
    wider.publish(entry(save(wider, pl.DataFrame({"x": [2], "y": ["new"]}), DAYS[1])))
    promote(wider)
    assert table(store).sort("x").select("x", "y").rows() == [(1, None), (2, "new")]
    other.publish(entry(save(other, pl.DataFrame({"x": ["text"]}), DAYS[1])))
    with pytest.raises(UsageError, match=r"column x is .*long.* in 2026-01-01, which stay"):
        promote(other)
    assert judged(store).keys() == standing(store).keys()
    other.publish(entry(save(other, pl.DataFrame({"x": ["text"]}), DAYS[0])))
    promote(other)
    assert sorted(table(store)["x"].to_list()) == ["text", "text"]


def test_what_is_removed_with_a_promotion_is_in_no_table(store: Store) -> None:
    for day in DAYS[:3]:
        put(store, day, 1)
    trial = shelf(store.root, "trial")
    put(trial, DAYS[0], 2)
    promote(trial, [("rows", DAYS[2])])
    assert list(standing(store)) == DAYS[:2]
    assert judged(store) == standing(store)
    put(store, DAYS[2], 3)
    assert judged(store) == standing(store)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_the_table_holds_what_stands_and_a_copy_is_apart(tmp_path: Path, seed: int) -> None:
    choose, number = random.Random(seed), 0  # noqa: S311 - repeatable
    store = shelf(str(tmp_path / "data"))
    put(store, DAYS[0], 0)
    for turn in range(12):
        number += 1
        tag = f"v{choose.randrange(3)}-{turn // 4}"
        version = shelf(store.root, tag)
        act = choose.choice(["run", "run", "backfill", "backfill", "promote", "drop"])
        try:
            if act == "run":
                put(store, choose.choice(DAYS), number, choose.randrange(3) + 1)
            elif act == "backfill":
                for day in choose.sample(DAYS, 2):
                    put(version, day, number)
            else:
                (promote if act == "promote" else drop)(version)
        except UsageError:
            continue
        assert judged(store) == standing(store), (turn, act)
    copy = shelf(str(tmp_path / "copy"))
    shutil.copytree(store.root, copy.root)
    before = {path: path.read_bytes() for path in Path(store.root).rglob("*") if path.is_file()}
    put(copy, DAYS[1], 99)
    assert judged(copy) == standing(copy) != standing(store)
    assert {path: path.read_bytes() for path in Path(store.root).rglob("*") if path.is_file()} == before


def test_on_a_bucket_it_is_the_same(bucket: str) -> None:
    far = shelf(bucket)
    trial = shelf(bucket, "trial")
    put(far, DAYS[0], 1)
    for day in DAYS[:2]:
        put(trial, day, 5)
    promote(trial)
    found = {day: far.read(each.reference)["x"].to_list() for day, each in far.entries("rows").items()}
    assert found == {DAYS[0]: [5], DAYS[1]: [5]}
    assert all(each.reference.uri == far.uri("tables/production/shelf/rows") for each in far.entries("rows").values())
    assert ROWS.name == "rows"
