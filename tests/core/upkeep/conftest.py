"""A root that a run and a backfill have left, to be damaged; and commands as they are typed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

from mill import DAY

from counterpoint.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="session")
def importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])]))
        yield


@dataclass
class Told:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Root:
    """A root, and the commands that are run on it in this process."""

    def __init__(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.place, self._capsys = place, capsys

    def __call__(self, *words: str) -> Told:
        self._capsys.readouterr()
        code = main([*words, "--root", str(self.place), "--quiet"])
        return Told(code, *self._capsys.readouterr())

    def run(self, day: str = DAY) -> Told:
        return self("run", "mill:mill", "--date", day, "--json")

    def digests(self) -> dict[str, str]:
        """The digests of what a run takes or makes."""
        done = self.run()
        assert done.code == 0, done.err
        return {step["name"]: step["output"]["digest"] for step in done.document["steps"]}

    @property
    def run_id(self) -> str:
        return max(path.name for path in (self.place / "runs" / "mill").glob(f"mill-{DAY}-*"))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, importable: None) -> Path:
    """What one run and one backfill that was not promoted have left."""
    root = str(tmp_path_factory.mktemp("whole") / "data")
    assert main(["run", "mill:mill", "--date", DAY, "--root", root, "--quiet"]) == 0
    words = ["backfill", "mill:mill", "--from", "2026-01-02", "--to", DAY, "--version", "v2"]
    assert main([*words, "--root", root, "--quiet"]) == 0
    assert main(["backfill", "promote", "mill:mill", "v2", "--root", root, "--quiet"]) == 0
    return Path(root)


@pytest.fixture
def root(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Root:
    """A copy of it, that is not read as the original."""
    place = tmp_path / "data"
    shutil.copytree(whole, place)
    for file in place.rglob("*.json"):
        file.write_bytes(file.read_bytes().replace(str(whole).encode(), str(place).encode()))
    return Root(place, capsys)
