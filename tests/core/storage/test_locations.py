"""A copied or moved root refers to itself alone: what is stored says where it lies below the root, and no more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shelves import DAY, METRICS, MODEL, SETTINGS, entry, model, numbers, save, shelf

from counterpoint.errors import StorageError
from counterpoint.storage.locations import path_of
from counterpoint.storage.versions import promote

if TYPE_CHECKING:
    from counterpoint.model import ArtifactRef
    from counterpoint.storage import Store


def furnished(store: Store, number: int = 1) -> list[ArtifactRef]:
    made = [
        save(store, numbers(number, 3)),
        store.write(MODEL, DAY, model(number), SETTINGS),
        store.write(METRICS, DAY, {"n": number}, SETTINGS),
    ]
    for reference in made:
        store.publish(entry(reference))
    return made


def read(store: Store) -> tuple[list[int], int, int]:
    rows, trained, measured = (store.entry(step, DAY) for step in ("rows", "model", "metrics"))
    assert rows and trained and measured  # noqa: PT018 - all three stand
    found = [store.read(each.reference) for each in (rows, trained, measured)]
    return found[0]["x"].to_list(), found[1].parameters["number"], found[2]["n"]


def files(root: str) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


def test_no_stored_object_names_its_root(store: Store) -> None:
    furnished(store)
    store.put_json("runs/shelf/r/told.bridged.json", {"bridged": [], "lineage": store.uri("runs/shelf/r/lineage.json")})
    # the first commit of a table tells of its place, which nothing reads
    named = [path for path, data in files(store.root).items() if store.root.encode() in data]
    assert [path for path in named if "_delta_log" not in path] == []
    assert store.get_json("runs/shelf/r/told.bridged.json")["lineage"] == store.uri("runs/shelf/r/lineage.json")


@pytest.mark.parametrize("is_old", [False, True], ids=["relative", "absolute"])
def test_a_copy_reads_and_writes_its_own(store: Store, tmp_path: Path, is_old: bool) -> None:  # noqa: FBT001
    furnished(store, 1)
    if is_old:
        as_before(store)
    copy = shelf(str(tmp_path / "copy"))
    shutil.copytree(store.root, copy.root)
    before = files(store.root)
    furnished(copy, 2)
    assert (read(store), read(copy)) == (([1] * 3, 1, 1), ([2] * 3, 2, 2))
    assert files(store.root) == before
    shutil.rmtree(store.root)
    assert read(copy) == ([2] * 3, 2, 2)


def test_a_moved_root_reads_and_promotes(store: Store, tmp_path: Path) -> None:
    furnished(store, 1)
    furnished(shelf(store.root, "trial"), 2)
    as_before(store)
    moved = str(tmp_path / "elsewhere" / "artifacts" / "x")
    shutil.move(store.root, moved)
    assert (read(shelf(moved)), read(shelf(moved, "trial"))) == (([1] * 3, 1, 1), ([2] * 3, 2, 2))
    promote(shelf(moved, "trial"))
    assert read(shelf(moved)) == ([2] * 3, 2, 2)


def as_before(store: Store) -> None:
    """Entries as they were stored when they named their root."""
    for path in store.list("catalog"):
        values = json.loads(store.get(path) or b"")
        values["reference"]["uri"] = store.uri(values["reference"]["uri"])
        store.put(path, json.dumps(values).encode())


def test_a_reference_that_was_handed_on_before_the_move_is_read_where_the_root_is_now(
    store: Store, tmp_path: Path
) -> None:
    rows, trained, _ = furnished(store)
    moved = shelf(str(tmp_path / "moved"))
    shutil.move(store.root, moved.root)
    assert moved.read(rows)["x"].to_list() == [1] * 3
    assert moved.read(trained).parameters == {"number": 1}


def test_a_root_of_a_bucket_is_read_from_another_one_and_from_a_folder(bucket: str, tmp_path: Path) -> None:
    far = shelf(bucket)
    furnished(far)
    for other in (shelf(f"{bucket}-copy"), shelf(str(tmp_path / "copy"))):
        for path in [path for room in ("catalog", "tables", "artifacts") for path in far.list(room)]:
            other.put(path, far.get(path) or b"")
        assert read(other) == ([1] * 3, 1, 1)
        entries = [other.entry(step, DAY) for step in ("rows", "model", "metrics")]
        assert all(each and each.reference.uri.startswith(f"{other.root}/") for each in entries)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("tables/production/p/s", "tables/production/p/s"),
        ("/lake/tables/production/p/s", "tables/production/p/s"),
        ("/other/tables/production/p/s", "tables/production/p/s"),
        ("/tables/x/artifacts/v/p/s/2026-01-03/h-d", "artifacts/v/p/s/2026-01-03/h-d"),
        ("s3://b/r/artifacts/v/p/s/2026-01-03.1/h-d", "artifacts/v/p/s/2026-01-03.1/h-d"),
        ("/other/x/p/s", None),
        ("x/tables/production/p/s", None),
        ("/lake/../tables/production/p/s", None),
        ("tables/../production/p", None),
        ("tables/production/p/s/more", None),
    ],
)
def test_what_a_location_stands_for(location: str, path: str | None) -> None:
    assert path_of(location, "/lake") == path


def test_what_lies_outside_of_the_root_is_not_read(store: Store, tmp_path: Path) -> None:
    made = furnished(store)[2]
    values = json.loads(store.get(f"catalog/production/shelf/metrics/{DAY}.json") or b"")
    for uri in (str(tmp_path / "secret"), f"{store.root}/../secret", "artifacts/../../secret"):
        values["reference"]["uri"] = uri
        store.put(f"catalog/production/shelf/metrics/{DAY}.json", json.dumps(values).encode())
        found = store.entry("metrics", DAY)
        assert found
        assert found.reference.digest == made.digest
        with pytest.raises(StorageError, match=f"secret does not lie below {store.root}"):
            store.read(found.reference)
