"""A writer that is killed at any moment leaves the old or the new, whole."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest
from shelves import DAY, SETTINGS, newest, numbers, save, shelf

from counterpoint.storage import content_digest, model_digest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Scripts

    from counterpoint.storage import Store

ROWS = 20_000
WRITES = """
import itertools
store = shelf(sys.argv[1])
for number in itertools.count(int(sys.argv[2])):
    for made in (save(store, numbers(number, 20_000)), store.write(MODEL, DAY, model(number, 50_000), SETTINGS)):
        store.publish(entry(made, str(number)))
    print(number)
"""


def kill_somewhere(scripts: Scripts, root: str, first: int, chance: random.Random) -> int:
    """Kills a writer that has published at least one number; returns the last one that it told of."""
    process = scripts.start(WRITES, root, str(first))
    assert process.stdout
    assert process.stdout.readline() == f"{first}\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0, 0.12))  # the random moment, not a wait for anything
    process.kill()
    out, _ = process.communicate()
    assert process.returncode == -9
    return int((out.split() or [str(first)])[-1])


def stands_whole(store: Store, published: int) -> None:
    rows, model = store.entry("rows", DAY), store.entry("model", DAY)
    assert rows is not None
    assert model is not None
    assert int(rows.fingerprint) in {published, published + 1, published + 2}
    assert int(model.fingerprint) in {published, published + 1}
    table, trained = store.read(rows.reference), store.read(model.reference)
    assert table["x"].to_list() == [int(rows.fingerprint)] * ROWS
    assert (content_digest(table), model_digest(trained)) == (rows.reference.digest, model.reference.digest)
    assert list(store.entries("rows")) == [DAY]


def the_newest_is_whole(store: Store, published: int) -> None:
    """Also where nobody asked the catalogue: a commit is there or it is not."""
    found = newest(store)
    assert found.height == ROWS
    assert found["x"].n_unique() == 1
    assert found["x"][0] >= published


def test_killed_at_any_moment_a_writer_leaves_the_old_or_the_new_whole(scripts: Scripts, tmp_path: Path) -> None:
    root, chance, first = str(tmp_path / "data"), random.Random(7), 1  # noqa: S311 - moments, no secrets
    store = shelf(root)
    for _ in range(5):
        published = kill_somewhere(scripts, root, first, chance)
        stands_whole(store, published)
        the_newest_is_whole(store, published)
        first = published + 10
    made = save(store, numbers(0))
    assert store.read(made)["x"].to_list() == [0]
    assert SETTINGS in store.list("artifacts")[0]
