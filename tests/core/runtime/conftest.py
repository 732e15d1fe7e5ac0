"""Toy pipelines, in this process and in the children that it starts; requests for them on a root of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.model import RunRecord, RunRequest
from counterpoint.runtime import LocalRun, collect, find_pipeline
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    OnPath = Callable[[str], AbstractContextManager[None]]

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)


@pytest.fixture(autouse=True, scope="session")
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(HERE):
        yield
    sys.modules.pop("toys", None)


class Toys:
    """Runs of toy pipelines below one root."""

    def __init__(self, root: Path) -> None:
        self.root, self.evidence = root / "data", root / "evidence"

    def request(self, pipeline: str, partition: str = "2026-01-03", **more: Any) -> RunRequest:
        described = find_pipeline(f"toys:{pipeline}")
        folder = {"folder": str(self.evidence)} if "folder" in described.config else {}
        config = {**folder, **more.pop("config", {})}
        name = more.pop("run_id", f"{pipeline}-{partition}")
        return RunRequest(f"toys:{pipeline}", partition, name, str(self.root), config=config, **more)

    def store(self, request: RunRequest) -> Store:
        return Store(request.root, find_pipeline(request.pipeline).configured(request.config), request.version)

    def run(self, request: RunRequest) -> RunRecord:
        store = self.store(request)
        return collect(store.pipeline, store, request, LocalRun(request).run(), "0")

    def calls(self, name: str) -> int:
        """How often a step function was called that counts its calls."""
        return len(list(self.evidence.glob(f"{name}.*")))


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path)
