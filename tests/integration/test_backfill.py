"""A backfill with a bad day, on the real services and in process: its report is the local runner's."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapter, find_adapters
from counterpoint.backfill import Asked, prepare, promote_version, run_backfill
from counterpoint.model import Partitions
from counterpoint.running import find_pipeline
from counterpoint.services import LocalEngine, ProcessEngine, ServiceEngine, engine_for
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.adapter import Site
    from counterpoint.services import Engine

pytestmark = [pytest.mark.service, pytest.mark.long]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
FARM = str(Path(__file__).parents[1] / "core" / "backfill")
DAYS = tuple(f"2026-01-{day:02}" for day in range(1, 11))
FIRST, LAST, BAD = "2026-01-05", "2026-01-10", "2026-01-07"


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FARM)
        patch.setenv("PYTHONPATH", os.pathsep.join([FARM, *filter(None, [os.environ.get("PYTHONPATH")])]))
        yield
    sys.modules.pop("farm", None)


def farm(place: Path) -> dict[str, Any]:
    """A folder with a number a day, of which one is bad; the settings that name it."""
    (place / "days").mkdir(parents=True)
    for number, day in enumerate(DAYS, 1):
        (place / "days" / f"{day}.txt").write_text("corrupt" if day == BAD else str(number), encoding="ascii")
    return {"folder": str(place)}


def both(engine: Engine, root: Path, place: Path, orchestrator: str, **more: Any) -> list[dict[str, Any]]:
    """The reports of a backfill with a bad day, and of the one after it was mended; then it is promoted."""
    config = farm(place)
    asked = Asked("farm:harvest", FIRST, LAST, "v2", orchestrator, parallel=3, config=config, **more)
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


def airflow_shows(site: Site) -> None:
    """Two backfills of three at a time; the runs are theirs, and a blocked day's failed without its steps."""
    from counterpoint_airflow.observe import call

    found = call(site, "/backfills?dag_id=harvest")["backfills"]
    assert [(b["from_date"][:10], b["to_date"][:10], b["max_active_runs"]) for b in found] == [
        ("2026-01-03", LAST, 3),
        (BAD, "2026-01-09", 3),
    ]
    runs = call(site, "/dags/harvest/dagRuns?limit=100")["dag_runs"]
    assert {run["run_type"] for run in runs} == {"backfill"}
    assert len(runs) == len(Partitions().range("2026-01-03", LAST))
    assert {run["state"] for run in runs} == {"success"}


def dagster_shows(site: Site) -> None:
    """Two backfills of assets, of which the second has what failed and what waited for it."""
    from counterpoint_dagster.observe import graphql

    asked = """{ partitionBackfillsOrError { ... on PartitionBackfills { results {
      status isAssetBackfill title tags { key value } runs { tags { key value } } } } } }"""
    after, before = graphql(site, asked, {})["partitionBackfillsOrError"]["results"]
    assert {b["title"] for b in (after, before)} == {"farm:harvest v2"}
    assert all(b["isAssetBackfill"] for b in (after, before))
    assert all({"key": "counterpoint/max_parallel", "value": "3"} in b["tags"] for b in (after, before))
    assert before["status"] == "COMPLETED_FAILED"
    days = [
        {t["value"] for run in b["runs"] for t in run["tags"] if t["key"] == "dagster/partition"}
        for b in (before, after)
    ]
    assert days == [set(Partitions().range("2026-01-03", LAST)), set(Partitions().range(BAD, "2026-01-09"))]


def prefect_shows(site: Site) -> None:
    """A work queue that lets three runs run at once, and has all of them."""
    from counterpoint_prefect.observe import client_of

    with client_of(site) as client:
        queue = client.read_work_queue_by_name("harvest-v2", work_pool_name="counterpoint")
        assert queue.concurrency_limit == 3
        assert {run.work_queue_name for run in client.read_flow_runs()} == {"harvest-v2"}


SHOWS = {"airflow": airflow_shows, "dagster": dagster_shows, "prefect": prefect_shows}


def test_on_the_services_it_ends_as_on_the_local_runner(
    tmp_path: Path, local: tuple[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with engine_for(ORCHESTRATOR, str(tmp_path / "data"), ("farm:harvest",), service=True) as engine:
        assert isinstance(engine, ServiceEngine)
        reports = both(engine, tmp_path / "data", tmp_path / "farm", ORCHESTRATOR, service=True)
        SHOWS[ORCHESTRATOR](engine.site)
    assert [told(report) for report in reports] == local[0]
    assert digests(tmp_path / "data", tmp_path / "farm") == local[1]
    assert "was left out of the backfill" not in caplog.text


def test_in_process_it_ends_as_on_the_local_runner(tmp_path: Path, local: tuple[Any, Any]) -> None:
    engine = ProcessEngine(find_adapter(ORCHESTRATOR))
    reports = both(engine, tmp_path / "data", tmp_path / "farm", ORCHESTRATOR)
    assert [told(report) for report in reports] == local[0]
    assert digests(tmp_path / "data", tmp_path / "farm") == local[1]
