"""Folders of DAG files, written from texts; and the market whose legacy outputs are judged."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import judging

from counterpoint_migrate.inventory import Dag, Inventory, inventory

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.validate.data_sides import RunSide


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Inventory]:
    """Writes files, by name without ending (`__` stands for a slash), and takes their inventory."""

    def write_and_read(**files: str) -> Inventory:
        for name, text in files.items():
            path = tmp_path / "dags" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return inventory(tmp_path / "dags")

    return write_and_read


@pytest.fixture
def only(read: Callable[..., Inventory]) -> Callable[[str], Dag]:
    """The one DAG of a text that leaves nothing open."""

    def the_dag(text: str) -> Dag:
        found = read(one=text)
        assert found.unresolved == []
        (dag,) = found.dags
        return dag

    return the_dag


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> RunSide:
    """The side of the market that is right."""
    return judging.right_side(tmp_path_factory.mktemp("right"))


@pytest.fixture
def judge(tmp_path: Path, right: RunSide) -> Callable[..., dict[str, Any]]:
    """Judges a legacy side that a change made wrong."""
    return partial(judging.judged, tmp_path, right)
