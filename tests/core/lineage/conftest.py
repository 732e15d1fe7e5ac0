"""A pipeline that registers a model, on a root and an MLflow store of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

from workshop import AFTER, DAY, Workshop

if TYPE_CHECKING:
    from collections.abc import Iterator

RACES = """
import sys, mlflow
from counterpoint.lineage.registry import client_of, place_of
from counterpoint.storage.objects import Objects
print("ready", flush=True)
sys.stdin.readline()
print(len(client_of(place_of(Objects(sys.argv[1]))).search_registered_models()), "registered models")
"""


@pytest.fixture(autouse=True, scope="session")
def nobody_elses_server() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@dataclass(frozen=True)
class Racer:
    code: int
    out: str
    err: str
    place: Path


@pytest.fixture(scope="session")
def racers(tmp_path_factory: pytest.TempPathFactory) -> list[Racer]:
    """Two processes that needed the database of a new root at the same moment."""
    root, pipe = tmp_path_factory.mktemp("mlflow"), subprocess.PIPE
    command = [sys.executable, "-c", RACES, str(root)]
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    assert [process.stdout.readline() for process in started if process.stdout] == ["ready\n"] * 2
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=120) for process in started]
    return [Racer(process.returncode, *words, root) for process, words in zip(started, told, strict=True)]


@pytest.fixture(scope="session")
def empty_database(racers: list[Racer]) -> Path:
    """A database that MLflow has just made, which takes it seconds: so it is made once and copied."""
    return racers[0].place / "mlflow" / "mlflow.db"


def furnished(place: Path, database: Path) -> Workshop:
    """A workshop on a root with an empty registry."""
    made = Workshop(str(place / "data"))
    (place / "data" / "mlflow").mkdir(parents=True)
    shutil.copy(database, place / "data" / "mlflow")
    return made


@pytest.fixture
def workshop(tmp_path: Path, empty_database: Path) -> Workshop:
    return furnished(tmp_path, empty_database)


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Workshop:
    """Two days of one model, registered by two runs; for tests that leave both as they are."""
    made = furnished(tmp_path_factory.mktemp("registered"), empty_database)
    made.register(1, DAY, run_id="run-1")
    made.register(2, AFTER, run_id="run-2")
    return made
