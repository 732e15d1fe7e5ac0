"""The files that the rules of the house are about."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def files(root: Path) -> list[Path]:
    """Every file that is, or may become, part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [root / name for name in listed.stdout.split("\0") if name and (root / name).is_file()]


@pytest.fixture(scope="session")
def product(root: Path, files: list[Path]) -> list[Path]:
    """The Python files of core, adapters, benchmarks and migration."""
    rooms = (root / "core", root / "adapters", root / "benchmarks", root / "migration")
    return [file for file in files if file.suffix == ".py" and any(file.is_relative_to(room) for room in rooms)]
