"""What lies in the folder that a command is given in is not run, but for a pipeline that is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

TRAPS = ("difflib", "json", "rich", "polars", "counterpoint", "streamrec", "pandera", "logging")
TRAP = """import os
open(os.environ["TRAPPED"], "a").write(f"{__name__}\\n")
raise SystemExit(f"the working folder's {__name__} was imported")
"""
HERE = "from counterpoint.model import Pipeline, step\npipeline = Pipeline('here', (step('heresteps:one'),))\n"
COMMAND = (str(Path(sys.executable).parent / "counterpoint"),)
MODULE = (sys.executable, "-m", "counterpoint")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "downloaded"
    folder.mkdir()
    for name in TRAPS:
        (folder / f"{name}.py").write_text(TRAP)
    (folder / "here.py").write_text(HERE)
    (folder / "heresteps.py").write_text("def one():\n    return 1\n")
    (folder / "dag.py").write_text("from airflow import DAG\nwith DAG('d') as dag:\n    pass\n")
    return folder


def given_in(folder: Path, command: Sequence[str], *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COUNTERPOINT_"))
    }
    places = {"TRAPPED": str(folder.parent / "trapped"), "COUNTERPOINT_ROOT": str(folder.parent / "root")}
    return subprocess.run(
        [*command, *words], env={**environment, **places}, cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", [COMMAND, MODULE])
@pytest.mark.parametrize(
    "words",
    [
        ("migrate", "inventory", "."),
        ("run", "streamrec", "--date", "x"),
        ("run", "here:pipeline", "--date", "2026-01-03"),
        ("backfill", "here:pipeline", "--from", "2026-01-03", "--to", "2026-01-03"),
        ("doctor",),
    ],
)
def test_the_working_folder_is_not_imported_from(folder: Path, command: Sequence[str], words: tuple[str, ...]) -> None:
    if command == MODULE:
        (folder / "counterpoint.py").unlink()  # python -m takes what it is to run from there
    done = given_in(folder, command, *words)
    trapped = folder.parent / "trapped"
    assert not trapped.exists(), trapped.read_text()
    if words[0] in {"migrate", "backfill"} or "here:pipeline" in words:
        assert done.returncode == 0, done.stderr


def test_a_pipeline_that_is_nowhere_is_told(folder: Path) -> None:
    done = given_in(folder, COMMAND, "run", "nowhere:pipeline", "--date", "2026-01-03")
    assert (done.returncode, "No module named 'nowhere'" in done.stderr) == (2, True)
