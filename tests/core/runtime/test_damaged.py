"""Data that is not what was written is told by file and command, never called fresh, and made again by its step."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from damages import DAMAGES, only, replaced, table
from ledgerly import DAY, PIPELINE, pipeline

from counterpoint.backfill import grid
from counterpoint.errors import DamagedOutputError
from counterpoint.model import ArtifactRef, RunRequest
from counterpoint.runtime import execute, needed
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG = {"rows": 7}
NEXT = "2026-01-04"


def request(root: Path, day: str = DAY) -> RunRequest:
    return RunRequest(PIPELINE, day, "run", str(root), config=CONFIG)


def run(root: Path, day: str = DAY) -> dict[str, ArtifactRef]:
    made: dict[str, ArtifactRef] = {}
    for step in pipeline.step_names:
        made[step] = execute(request(root, day), step, made)
    return made


def states(root: Path, *, verify: bool) -> Mapping[str, Any]:
    return grid(str(root), PIPELINE, pipeline.configured(CONFIG), "production", verify=verify)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole") / "root"
    for day in ("2026-01-01", "2026-01-02", DAY):
        run(root, day)
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "root"))


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_is_told_and_made_again(whole: Path, root: Path, name: str) -> None:
    step, pattern, damage, is_seen = DAMAGES[name]
    damage(max(root.glob(pattern)))
    for verify in (False, True):
        told = states(root, verify=verify)
        assert told["partitions"][-1]["steps"][step] == ("damaged" if is_seen or verify else "fresh")
    found = told["damaged"][-1]
    assert found["file"].startswith(f"{root}/")
    assert found["command"] == f"counterpoint run {PIPELINE} --date {DAY} --set rows=7 --root {root}"
    entry = Store(str(root), pipeline).entry(step, DAY)
    assert entry
    with pytest.raises(DamagedOutputError, match=f"so {step} of {DAY} cannot be read: run the step again"):
        Store(str(root), pipeline).read(entry.reference)
    before, after = run(whole), run(root)
    assert {n: made.digest for n, made in after.items()} == {n: made.digest for n, made in before.items()}
    assert states(root, verify=True)["partitions"][-1]["steps"] == dict.fromkeys(pipeline.step_names, "fresh")


def test_a_step_that_reads_it_names_the_file_and_the_command(root: Path) -> None:
    file = only(root, table("orders"))
    replaced(file)
    with pytest.raises(DamagedOutputError) as caught:
        execute(replace(request(root), force=True), "trend")
    assert str(file) in str(caught.value)
    assert f"'counterpoint run {PIPELINE} --date {DAY} --set rows=7 --root {root}'" in str(caught.value)


@pytest.mark.parametrize("name", ["table of other rows", "table gone", "table changed"])
def test_what_a_window_needs_of_earlier_days_is_made_again_first(root: Path, name: str) -> None:
    damage = DAMAGES[name][2]
    damage(only(root, table("orders")))
    found = needed(pipeline.configured(CONFIG), Store(str(root), pipeline), request(root, NEXT))
    assert found == {DAY: ("orders",)}


def test_a_pipeline_that_is_whole_needs_nothing(root: Path) -> None:
    assert needed(pipeline.configured(CONFIG), Store(str(root), pipeline), request(root, NEXT)) == {}
