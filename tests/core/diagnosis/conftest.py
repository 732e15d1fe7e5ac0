"""Pipelines that fail, in this process and in those of their steps; runs of them below a root of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.diagnosis import explain, find_run
from counterpoint.diagnosis.backfills import explain_backfill
from counterpoint.model import RunRequest
from counterpoint.services import LocalEngine
from counterpoint.services.launch import launch
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from counterpoint.diagnosis.asking import Ask
    from counterpoint.model import RunRecord

    OnPath = Callable[[str], AbstractContextManager[None]]

HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True, scope="session")
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(HERE):
        yield
    sys.modules.pop("mishaps", None)


def never(_evidence: object) -> None:
    raise AssertionError("the orchestrator was asked, although everything had been recorded")


class Scene:
    """A root with runs that failed."""

    def __init__(self, place: Path) -> None:
        self.place, self.root = place, str(place / "data")

    def run(self, pipeline: str, **more: Any) -> RunRecord:
        config = {**more.pop("config", {})}
        asked = RunRequest(f"mishaps:{pipeline}", "2026-01-03", f"{pipeline}-1", self.root, config=config, **more)
        return launch(asked, LocalEngine())

    def why(self, subject: str, ask: Ask = never) -> dict[str, Any]:
        objects = Objects(self.root)
        return explain(objects, find_run(objects, subject), ask)

    def why_backfill(self, pipeline: str, version: str) -> dict[str, Any]:
        return explain_backfill(self.root, pipeline, version, never)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)
