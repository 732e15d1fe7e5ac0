"""A harbour: its pipelines, here and in processes of their own, and a store in which steps were made at given times."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.model import ArtifactRef, Materialization, RunRequest
from counterpoint.runtime import find_pipeline
from counterpoint.storage import Store
from counterpoint.storage.layout import begun_step, step_failures, step_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    OnPath = Callable[[str], AbstractContextManager[None]]

HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True, scope="session")
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(HERE):
        yield
    sys.modules.pop("harbour", None)


class Harbour:
    """One root, and what runs would have left there."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)

    def store(self, name: str) -> Store:
        return Store(self.root, find_pipeline(f"harbour:{name}"))

    def request(self, name: str, key: str) -> RunRequest:
        return RunRequest(f"harbour:{name}", key, "", self.root, steps=())

    def made(self, name: str, step: str, key: str, ended: datetime, seconds: float = 60) -> None:
        """The step stands, made in those seconds by a run of that partition."""
        store, run = self.store(name), f"run-{key}"
        told = {"name": step, "status": "success"}
        times = {**told, "started": (ended - timedelta(seconds=seconds)).isoformat(), "ended": ended.isoformat()}
        store.put_json(step_record(name, run, step), times)
        self.published(name, step, key, run)

    def published(self, name: str, step: str, key: str, run: str) -> None:
        reference = ArtifactRef(step, key, "value", "", None, None, 0, "sha256:0")
        self.store(name).publish(Materialization(reference, "f", {}, "s", "c", run))

    def begun(self, name: str, step: str, key: str, at: datetime, run: str = "run") -> None:
        told = {"run_id": run, "orchestrator": "dagster", "attempt": 1, "at": at.isoformat()}
        self.store(name).put_json(begun_step(name, key, step), told)

    def failed(
        self, name: str, step: str, at: datetime, *, last: bool, run: str = "run", index: int | None = None
    ) -> None:
        attempt = {"attempt": 1, "at": at.isoformat(), "last": last, "error": {"type": "ValueError", "message": "no"}}
        self.store(name).put_json(step_failures(name, run, step, index), {"attempts": [attempt]})


@pytest.fixture
def harbour(tmp_path: Path) -> Harbour:
    return Harbour(tmp_path / "data")
