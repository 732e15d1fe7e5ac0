from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

VARIABLES = ("ROOT", "ENV", "CONFIG", "ALERTS")


@pytest.fixture(autouse=True)
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_path: Callable[[str], AbstractContextManager[None]]
) -> Iterator[Path]:
    """A folder to work in, whose process says nothing of environments yet."""
    for name in (*(f"COUNTERPOINT_{name}" for name in VARIABLES), "MLFLOW_TRACKING_URI", "VAULTY_GREETING"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    before = dict(os.environ)
    with on_path(str(Path(__file__).parent)):
        yield folder
    assert {name: os.environ.get(name) for name in before if name.startswith("COUNTERPOINT")} == {
        name: value for name, value in before.items() if name.startswith("COUNTERPOINT")
    }
