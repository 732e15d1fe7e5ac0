"""Roots in a bucket have a registry each; what was registered when they shared one is still found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from workshop import NAME, Workshop

from counterpoint.errors import UsageError
from counterpoint.lineage import find_lineage, registry, shared
from counterpoint.lineage.registry import place_of
from counterpoint.services.service_environments import home_of
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "counterpoint-data/mlflow"


def test_two_roots_in_a_bucket_share_no_registry(bucket: str, here: Path) -> None:
    one, other = Workshop(f"{bucket}/one"), Workshop(f"{bucket}/other")
    one.register(1, run_id="run-1")
    assert other.champion() is None
    other.register(2, run_id="run-2")
    assert (one.versions(), other.versions()) == ({1: "2026-01-03"}, {1: "2026-01-03"})
    assert find_lineage(one.root, NAME)["run_id"] == "run-1"
    assert find_lineage(other.root, NAME)["run_id"] == "run-2"
    assert not (here / "mlflow.db").exists()
    assert place_of(Objects(f"{bucket}/one/")).folder == place_of(one.store).folder


def test_the_folder_is_called_like_that_of_the_services(bucket: str, here: Path) -> None:
    folder = place_of(Objects(bucket)).folder
    assert folder is not None
    assert folder.name == home_of(bucket, "airflow").parent.name
    assert folder.parent == here


def test_what_was_registered_in_the_shared_folder_is_found(
    bucket: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first root made the experiment, so artifacts of the second one lie below the first."""
    roots = [f"{bucket}/{name}" for name in ("first", "second", "third")]
    with monkeypatch.context() as old:
        old.setattr(registry, "local_folder", lambda _: here)
        Workshop(roots[0]).register(1, run_id="run-1")
        Workshop(roots[1]).register(2, run_id="run-2")
    shared._runs_in.cache_clear()
    assert [place_of(Objects(root)).folder == here for root in roots] == [True, True, False]
    assert find_lineage(roots[0], f"{NAME}/1")["run_id"] == "run-1"
    assert find_lineage(roots[1], f"{NAME}/2")["run_id"] == "run-2"
    with pytest.raises(UsageError):
        find_lineage(roots[2], NAME)
    Workshop(roots[1]).register(3, run_id="run-3")
    assert place_of(Objects(roots[1])).folder == here
