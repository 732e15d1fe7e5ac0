"""A backfill with a bad day, by the orchestrator in this process: its report is the local runner's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapter, find_adapters
from counterpoint.backfill import BackfillRequest, prepare, promote_version, run_backfill
from counterpoint.runtime import find_pipeline
from counterpoint.services import LocalEngine, ProcessEngine
from counterpoint.storage import Store

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.services import Engine

pytestmark = [pytest.mark.usefixtures("importable"), pytest.mark.long]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
DAYS = tuple(f"2026-01-{day:02}" for day in range(1, 11))
FIRST, LAST, BAD = "2026-01-05", "2026-01-10", "2026-01-07"


def farm(place: Path) -> dict[str, Any]:
    """A folder with a number a day, of which one is bad; the settings that name it."""
    (place / "days").mkdir(parents=True)
    for number, day in enumerate(DAYS, 1):
        (place / "days" / f"{day}.txt").write_text("corrupt" if day == BAD else str(number), encoding="ascii")
    return {"folder": str(place)}


def both(engine: Engine, root: Path, place: Path, orchestrator: str, **more: Any) -> list[dict[str, Any]]:
    """The reports of a backfill with a bad day, and of the one after it was mended; then it is promoted."""
    config = farm(place)
    asked = BackfillRequest("farm:harvest", FIRST, LAST, "v2", orchestrator, parallel=3, config=config, **more)
    first = run_backfill(prepare(asked, str(root)), engine)
    (place / "days" / f"{BAD}.txt").write_text("7", encoding="ascii")
    second = run_backfill(prepare(asked, str(root)), engine)
    promote_version("farm:harvest", "v2", str(root))
    return [first, second]


def told(report: dict[str, Any]) -> dict[str, Any]:
    """What of a report is the same wherever it was run."""
    rows = [
        {**row, "run_id": None, "error": row["error"] and (row["error"]["type"], row["error"]["message"].split("'")[1])}
        for row in (*report["upstream"], *report["partitions"])
    ]
    same = ("version", "strategy", "status", "waves", "computed", "saved")
    return {"rows": rows, **{name: report[name] for name in same}}


def digests(root: Path, place: Path) -> dict[tuple[str, str], str]:
    pipeline = find_pipeline("farm:harvest").configured({"folder": str(place)})
    store = Store(str(root), pipeline)
    return {
        (step, key): entry.reference.digest
        for step in pipeline.step_names
        for key, entry in store.entries(step).items()
    }


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], dict[tuple[str, str], str]]:
    base = tmp_path_factory.mktemp("local")
    reports = both(LocalEngine(), base / "data", base / "farm", "local")
    return [told(report) for report in reports], digests(base / "data", base / "farm")


@pytest.mark.release("airflow", "prefect")  # on services they all have one with a bad day (test_stranger.py)
def test_in_process_it_ends_as_on_the_local_runner(tmp_path: Path, local: tuple[Any, Any]) -> None:
    engine = ProcessEngine(find_adapter(ORCHESTRATOR))
    reports = both(engine, tmp_path / "data", tmp_path / "farm", ORCHESTRATOR)
    assert [told(report) for report in reports] == local[0]
    assert digests(tmp_path / "data", tmp_path / "farm") == local[1]
