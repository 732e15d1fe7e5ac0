"""A farm whose days lie in files, and backfills of it; importable also in processes of theirs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

from counterpoint.backfill import BackfillRequest, prepare, run_backfill
from counterpoint.runtime import find_pipeline
from counterpoint.services import LocalEngine
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.services import Engine

DAYS = tuple(f"2026-01-{day:02}" for day in range(1, 15))


@pytest.fixture(autouse=True, scope="session")
def importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])]))
        yield


class Farm:
    """A root, and the folder from which the pipeline reads a number a day."""

    def __init__(self, place: Path) -> None:
        self.place, self.root = place, str(place / "data")
        (place / "days").mkdir()
        for number, day in enumerate(DAYS, 1):
            self.deliver(day, str(number))

    def deliver(self, day: str, text: str) -> None:
        (self.place / "days" / f"{day}.txt").write_text(text, encoding="ascii")

    def asked(self, first: str = DAYS[4], last: str = DAYS[9], version: str = "v2", **more: Any) -> BackfillRequest:
        config = {"folder": str(self.place), **more.pop("config", {})}
        return BackfillRequest("farm:harvest", first, last, version, config=config, **{"parallel": 3, **more})

    def backfill(self, engine: Engine | None = None, **more: Any) -> dict[str, Any]:
        return run_backfill(prepare(self.asked(**more), self.root), engine or LocalEngine())

    def store(self, version: str = "v2") -> Store:
        return Store(self.root, find_pipeline("farm:harvest").configured({"folder": str(self.place)}), version)

    def read(self, step: str, version: str = "v2") -> dict[str, Any]:
        """The value of a step by day, as a reader of the version finds it."""
        store = self.store(version)
        return {key: store.read(entry.reference) for key, entry in store.entries(step).items()}

    def calls(self, name: str) -> int:
        """How often a step function was called that counts its calls."""
        return len(list((self.place / "evidence").glob(f"{name}*")))


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)
