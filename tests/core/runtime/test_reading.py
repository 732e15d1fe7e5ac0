"""`counterpoint.read`: what stands of a step, by one day, several, or all."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING

import pytest
from damages import only, replaced, table
from ledgerly import PIPELINE, pipeline

import counterpoint
from counterpoint.errors import DamagedOutputError, UsageError
from counterpoint.model import ArtifactRef, RunRequest
from counterpoint.runtime import execute

if TYPE_CHECKING:
    from pathlib import Path

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("reading")
    for day in DAYS:
        made: dict[str, ArtifactRef] = {}
        for step in pipeline.step_names:
            made[step] = execute(RunRequest(PIPELINE, day, day, str(place)), step, made)
    return place


def test_tables_come_as_one_frame(root: Path) -> None:
    read = lambda days=None: counterpoint.read(f"{PIPELINE}.orders", days, root=str(root))  # noqa: E731
    assert read(DAYS[0])["date"].unique().to_list() == [DAYS[0]]
    assert read(date(2026, 1, 2)).height == 20
    assert sorted(read("2026-01-02..2026-01-03")["date"].unique().to_list()) == list(DAYS[1:])
    assert sorted(read([DAYS[0], DAYS[2]])["date"].unique().to_list()) == [DAYS[0], DAYS[2]]
    assert read().height == 60
    assert read().columns == ["id", "v", "date"]


def test_other_outputs_come_as_they_are(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOINT_ROOT", str(root))
    assert counterpoint.read(f"{PIPELINE}.model", DAYS[0]).parameters == {"n": 20}
    assert list(counterpoint.read(f"{PIPELINE}.score")) == list(DAYS)
    assert counterpoint.read(f"{PIPELINE}.score", DAYS[1])["rows"] == 20.0


def test_what_is_missing_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"orders does not stand in production below .* for 2026-01-04, 2026-01-05: "):
        counterpoint.read(f"{PIPELINE}.orders", "2026-01-03..2026-01-05", root=str(root))
    with pytest.raises(UsageError, match="for any day: run it first"):
        counterpoint.read(f"{PIPELINE}.orders", root=str(tmp_path))
    with pytest.raises(UsageError, match="'orders' names no step: write PIPELINE.STEP"):
        counterpoint.read("orders", root=str(root))
    with pytest.raises(UsageError, match="ordres"):
        counterpoint.read(f"{PIPELINE}.ordres", root=str(root))


def test_what_is_damaged_is_not_read(root: Path) -> None:
    replaced(only(root, table("trend", DAYS[1])))
    with pytest.raises(DamagedOutputError, match="make it again with 'counterpoint run "):
        counterpoint.read(f"{PIPELINE}.trend", root=str(root))


def test_importing_counterpoint_imports_next_to_nothing() -> None:
    code = "import sys, counterpoint; print([n for n in sys.modules if n.startswith(('polars', 'counterpoint.'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
