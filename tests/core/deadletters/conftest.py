"""Days of numbers in files, runs and backfills of them on the local runner, and the command itself."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

from counterpoint.backfill import BackfillRequest, grid, prepare, run_backfill
from counterpoint.cli.main import main
from counterpoint.errors import ContractError
from counterpoint.model import RunRequest
from counterpoint.runtime import execute, find_pipeline
from counterpoint.services import LocalEngine
from counterpoint.storage import Store
from counterpoint.storage.versions import promote

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")


@pytest.fixture(autouse=True, scope="session")
def importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])]))
        yield


class Box:
    """A root, and the folder from which the pipeline reads its numbers."""

    def __init__(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.place, self.root, self._capsys, self._runs = place, str(place / "root"), capsys, 0

    def deliver(self, day: str, *numbers: tuple[float, str]) -> None:
        (self.place / f"{day}.json").write_text(json.dumps(numbers), encoding="ascii")

    @property
    def config(self) -> dict[str, Any]:
        return {"folder": str(self.place)}

    def store(self, version: str = "production") -> Store:
        return Store(self.root, find_pipeline("letterbox:letterbox").configured(self.config), version)

    def run(self, *days: str, **more: Any) -> list[str]:
        ended = []
        for day in days or DAYS:
            self._runs += 1
            name = f"run-{self._runs}"
            request = RunRequest("letterbox:letterbox", day, name, self.root, config=self.config, **more)
            ended.append(self._ended(request))
        return ended

    def _ended(self, request: RunRequest) -> str:
        """Executes the steps of a day one after the other, in this process."""
        made: dict[str, Any] = {}
        for name in self.store().pipeline.step_names:
            try:
                made[name] = execute(request, name, made)
            except ContractError:
                return f"{name} failed"
        return "success"

    def backfill_stale(self, tag: str) -> dict[str, Any]:
        asked = BackfillRequest(
            "letterbox:letterbox", DAYS[0], DAYS[-1], tag, config=self.config, stale_only=True, parallel=2
        )
        return run_backfill(prepare(asked, self.root), LocalEngine())

    def promote(self, tag: str) -> None:
        promote(self.store(tag))

    def stale(self) -> list[tuple[str, str]]:
        found = grid(self.root, "letterbox:letterbox", self.store().pipeline, "production", DAYS)
        return [(row["date"], s) for row in found["partitions"] for s, how in row["steps"].items() if how == "stale"]

    def numbers(self, day: str, version: str = "production") -> list[float]:
        store = self.store(version)
        entry = store.entry("checked", day)
        assert entry is not None
        return sorted(store.read(entry.reference)["x"])

    def dlq(self, *words: str) -> dict[str, Any]:
        """The answer of `counterpoint dlq ACTION letterbox ...`."""
        action, *more = words
        self._capsys.readouterr()
        assert main(["dlq", action, "letterbox:letterbox", "--root", self.root, "--json", "--quiet", *more]) == 0
        # it logs to what this test's stderr was
        logging.getLogger("counterpoint").handlers.clear()
        found: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return found

    def counts(self) -> dict[str, tuple[int, ...]]:
        """Waiting, failed, resubmitted, received and permanent rows, by partition."""
        names = ("waiting", "failed", "resubmitted", "received", "permanent")
        return {row["partition"]: tuple(row[n] for n in names) for row in self.dlq("list")["partitions"]}


@pytest.fixture
def box(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Box:
    """Three days; the third brings two late numbers of the second, one too high and one far too high."""
    logging.getLogger("counterpoint").handlers.clear()
    made = Box(tmp_path, capsys)
    made.deliver(DAYS[0], (1, DAYS[0]), (2, DAYS[0]))
    made.deliver(DAYS[1], (10, DAYS[1]), (20, DAYS[1]))
    late = [(30, DAYS[1]), (30, DAYS[1])]
    made.deliver(DAYS[2], *late, (3, DAYS[2]), (4, DAYS[2]), (5, DAYS[2]), (500, DAYS[2]), (5000, DAYS[2]))
    return made
