"""Roots that are oddly named, read-only, full or no folder at all: one clear error, nothing half-written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shelves import DAY, METRICS, MODEL, SETTINGS, entry, model, newest, numbers, save, shelf

from counterpoint.errors import StorageError
from counterpoint.storage import content_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Scripts

    from counterpoint.model import ArtifactRef
    from counterpoint.storage import Store

FAILS = """
from counterpoint.errors import StorageError
import resource, os
store, warm = shelf(sys.argv[1]), shelf(sys.argv[2])
made = entry(save(warm, numbers(2)), "x" * 5000)
writes = {"table": lambda s: save(s, numbers(2, 50)), "model": lambda s: s.write(MODEL, DAY, model(2, 5000), SETTINGS),
          "entry": lambda s: s.publish(made)}
for write in writes.values():
    write(warm)  # so that nothing has to be imported any more when the limit holds
if sys.argv[3] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
elif os.geteuid() == 0:
    os.seteuid(65534)
try:
    writes[sys.argv[4]](store)
except StorageError as error:
    print(error)
    sys.exit(error.exit_code)
"""
FOLDERS = ("catalog", "artifacts", "tables/production/shelf/rows/_delta_log")
WRITES = ("table", "model", "entry")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may look into; pytest's own are for its user alone."""
    with tempfile.TemporaryDirectory(prefix="counterpoint-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def standing(store: Store) -> list[ArtifactRef]:
    """What stands of rows, model and metrics, after writing the first two of them."""
    made = [save(store, numbers(1, 5)), store.write(MODEL, DAY, model(1), SETTINGS)]
    for reference in made:
        store.publish(entry(reference))
    return made


def contents(store: Store) -> dict[str, bytes | None]:
    return {path: store.get(path) for folder in FOLDERS for path in store.list(folder)}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_root_that_takes_nothing_is_named_and_what_stood_still_stands(
    scripts: Scripts, place: Path, tmp_path: Path, state: str, write: str
) -> None:
    store = shelf(str(place / "data"))
    made, before = standing(store), contents(store)
    if state == "read-only":
        close(place)
    code, out, err = scripts.run(FAILS, store.root, str(tmp_path), state, write)
    close(place, 0o755)
    assert code == StorageError.exit_code == 2, (out, err)
    # nothing is asserted of stderr: a thread of Delta's library may say there that it panicked
    assert len(out.splitlines()) == 1
    assert out.startswith(str(place))
    assert "cannot be read or written: " in out
    assert "choose another --root" in out
    assert contents(store) == before
    assert content_digest(newest(store)) == made[0].digest
    assert [store.entry(reference.step, DAY) for reference in made] == [entry(reference) for reference in made]


def close(place: Path, mode: int = 0o555) -> None:
    for folder, _, _ in os.walk(place):
        Path(folder).chmod(mode)


def test_a_root_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = shelf(str(tmp_path / "file" / "data"))
    with pytest.raises(StorageError, match=r"file/data/tables/production/shelf/rows cannot be .*Not a directory"):
        save(store, numbers(1))
    with pytest.raises(StorageError, match=r"file/data/artifacts/.* cannot be read or written: .*Not a directory"):
        store.write(METRICS, DAY, {}, SETTINGS)
    assert (store.entry("rows", DAY), store.entries("rows")) == (None, {})


@pytest.mark.parametrize("name", ["a b", "up/../b", "100 #1 é?x=1&y", "{date} *~'\"", "-", "a:b@c"])
def test_a_root_may_be_named_oddly(tmp_path: Path, name: str) -> None:
    store = shelf(f"{tmp_path}/{name}")
    save(store, numbers(1, 2))
    made = standing(store)
    found = [store.read(each.reference) for step in ("rows", "model") for each in store.entries(step).values()]
    assert (found[0]["x"].to_list(), found[1].parameters) == ([1] * 5, {"number": 1})
    assert all(reference.uri.startswith(store.root) for reference in made)
    assert (tmp_path / name / "catalog").is_dir()


def test_a_relative_root_is_the_same_from_wherever_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = shelf("data")
    made = save(store, numbers(1))
    monkeypatch.chdir("/")
    assert store.read(made)["x"].to_list() == [1]
    assert made.uri == f"{tmp_path}/data/tables/production/shelf/rows"


@pytest.mark.parametrize("character", list("%[]^|\\"))
def test_a_root_where_no_table_can_lie_is_refused_before_anything_is_written(tmp_path: Path, character: str) -> None:
    with pytest.raises(StorageError, match=r"no table can lie below .*/a.b, for the . in it: choose another --root"):
        shelf(f"{tmp_path}/a{character}b")
    assert list(tmp_path.iterdir()) == []


def test_a_data_file_that_is_cut_short_is_named(store: Store) -> None:
    made = save(store, numbers(1))
    (file,) = Path(made.uri).rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(StorageError, match=rf"^{file} has \d+ bytes, not the \d+ that .*: run the step again"):
        store.read(made)


def test_a_data_file_that_is_gone_is_named(store: Store) -> None:
    made = save(store, numbers(1))
    (file,) = Path(made.uri).rglob("*.parquet")
    file.unlink()
    with pytest.raises(StorageError, match=rf"^{file} is gone, so rows of {DAY} cannot be read: run the step again"):
        store.read(made)


def test_whatever_else_goes_wrong_is_not_blamed_on_the_root(store: Store) -> None:
    with pytest.raises(TypeError):
        store.write(METRICS, DAY, {"a": object()}, SETTINGS)
