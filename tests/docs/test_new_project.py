"""The page about a new project names what is in one, and its code is as ruff wants it without any settings."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from counterpoint.cli.project_files import project_files, write_project
from counterpoint.cli.project_names import ProjectName

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/new-project.md"
NAME = ProjectName("my-shop")


def test_every_file_in_the_table_is_made() -> None:
    named = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(named) > 5
    files = project_files(NAME)
    assert [name for name in named if not any(file.startswith(name) for file in files)] == []


def test_the_code_passes_ruff_without_settings(tmp_path: Path) -> None:
    folder, _ = write_project(NAME, tmp_path)
    for words in (("check",), ("format", "--check")):
        done = subprocess.run(
            ["ruff", *words, "--isolated", "--no-cache", "."], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
