"""StreamRec over a range of days with a corrupt one, by the commands a person types: backfill, retry, diff, promote."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapters
from counterpoint.model import Partitions
from counterpoint.services import ServiceEngine, engine_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from counterpoint.adapter import ServiceEnvironment

    Once = Callable[[str, Callable[[], Any]], Any]

pytestmark = [
    pytest.mark.service,
    pytest.mark.long,
    pytest.mark.torch,
    pytest.mark.timeout(2400),
    pytest.mark.release,  # three minutes at least: test_stranger.py has a backfill with a bad day on each orchestrator
]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
FIRST, BAD, LAST = "2026-01-07", "2026-01-08", "2026-01-09"
RECIPE = {"rows": 1200, "users": 120, "items": 60, "seed": 7}


class Desk:
    """A folder with a file of events a day, of which one is corrupt, and a root: what a person works with."""

    def __init__(self, base: Path, orchestrator: str) -> None:
        from streamrec.generator_config import Recipe
        from streamrec.synthetic import events

        self.days, self.root, self.orchestrator = base / "days", base / "data", orchestrator
        self.days.mkdir()
        for key in Partitions().range("2026-01-01", LAST):
            frame = events(Recipe(**RECIPE), Partitions().partition(key))
            frame.write_csv(self.days / f"{key}.csv", datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")
        self.profile = base / "profile.toml"
        self.profile.write_text('files = "{date}.csv"\n', encoding="utf-8")
        self.whole = (self.days / f"{BAD}.csv").read_bytes()
        (self.days / f"{BAD}.csv").write_bytes(self.whole[: len(self.whole) // 3] + b"\x00\xff\x00")

    def types(self, *words: str, code: int = 0) -> Any:
        """What a command answers, which must end with that code."""
        command = [sys.executable, "-m", "counterpoint", *words, "--root", str(self.root), "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=1200)
        assert done.returncode == code, f"{words} ended with {done.returncode}"
        return json.loads(done.stdout)

    def through(self) -> dict[str, Any]:
        """The whole way of a backfill; what each command told, without times and names of runs."""
        on = ("--on", self.orchestrator, *(("--service",) if self.orchestrator != "local" else ()))
        settings = ("--set", 'retrieval={"epochs": 1}', "--set", 'ranking={"epochs": 1}')
        span = ("--from", FIRST, "--to", LAST, "--max-parallel", "3", "--version", "v2", *on)
        first = self.types(
            "backfill", "streamrec", *span, "--source", f"{self.days},profile={self.profile}", *settings, code=1
        )
        (self.days / f"{BAD}.csv").write_bytes(self.whole)
        second = self.types("retry", "streamrec", "--backfill", "v2")
        before = self.types("diff", "streamrec@v2", "streamrec@production", code=4)
        promoted = self.types("backfill", "promote", "streamrec", "v2")
        after = self.types("diff", "streamrec@v2", "streamrec@production")
        return {
            "first": told(first),
            "second": told(second),
            "before": before,
            "promoted": promoted,
            "equal": after["equal"],
            "digests": self.digests(),
        }

    def digests(self) -> dict[str, str]:
        from counterpoint.runtime import find_pipeline
        from counterpoint.storage import Store

        store = Store(str(self.root), find_pipeline("streamrec"))
        steps = store.pipeline.step_names
        return {f"{name} {key}": e.reference.digest for name in steps for key, e in store.entries(name).items()}


def told(report: dict[str, Any]) -> dict[str, Any]:
    rows = [
        {**row, "run_id": None, "error": row["error"] and row["error"]["type"]}
        for row in (*report["upstream"], *report["partitions"])
    ]
    same = ("version", "strategy", "status", "waves", "computed", "saved")
    return {"rows": rows, **{name: report[name] for name in same}}


def airflow_shows(target: ServiceEnvironment) -> None:
    """Two backfills of three at a time; the runs are theirs, and a blocked day's failed without its steps."""
    from counterpoint_airflow.client import call

    found = call(target, "/backfills?dag_id=streamrec")["backfills"]
    # one that a locked SQLite left half made was cancelled, and made anew
    assert list(dict.fromkeys((b["from_date"][:10], b["to_date"][:10], b["max_active_runs"]) for b in found)) == [
        ("2026-01-01", LAST, 3),
        (BAD, LAST, 3),
    ]
    runs = call(target, "/dags/streamrec/dagRuns?limit=100")["dag_runs"]
    assert {run["run_type"] for run in runs} == {"backfill"}
    assert len(runs) == len(Partitions().range("2026-01-01", LAST))
    assert {run["state"] for run in runs} == {"success"}


def dagster_shows(target: ServiceEnvironment) -> None:
    """Two backfills of assets, of which the second has what failed and what waited for it."""
    from counterpoint_dagster.client import graphql

    asked = """{ partitionBackfillsOrError { ... on PartitionBackfills { results {
      status isAssetBackfill title tags { key value } runs { tags { key value } } } } } }"""
    found = graphql(target, asked, {})["partitionBackfillsOrError"]["results"]
    # one whose answer was lost was cancelled, and made anew
    after, before = [one for one in found if one["status"] != "CANCELED"]
    assert {b["title"] for b in (after, before)} == {"streamrec v2"}
    assert all(b["isAssetBackfill"] for b in (after, before))
    assert all({"key": "counterpoint/max_parallel", "value": "3"} in b["tags"] for b in (after, before))
    assert before["status"] == "COMPLETED_FAILED"
    days = [
        {t["value"] for run in b["runs"] for t in run["tags"] if t["key"] == "dagster/partition"}
        for b in (before, after)
    ]
    assert days == [set(Partitions().range("2026-01-01", LAST)), set(Partitions().range(BAD, LAST))]


def prefect_shows(target: ServiceEnvironment) -> None:
    """A work queue that lets three runs run at once, and has all of them."""
    from counterpoint_prefect.client import client_of

    with client_of(target) as client:
        queue = client.read_work_queue_by_name("streamrec-v2", work_pool_name="counterpoint")
        assert queue.concurrency_limit == 3
        assert {run.work_queue_name for run in client.read_flow_runs()} == {"streamrec-v2"}


SHOWS = {"airflow": airflow_shows, "dagster": dagster_shows, "prefect": prefect_shows}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, once: Once) -> dict[str, Any]:
    found: dict[str, Any] = once("backfill", lambda: Desk(tmp_path_factory.mktemp("local"), "local").through())
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, ServiceEnvironment]]:
    desk = Desk(tmp_path_factory.mktemp("served"), ORCHESTRATOR)
    with engine_for(ORCHESTRATOR, str(desk.root), ("streamrec",), service=True) as engine:
        assert isinstance(engine, ServiceEngine)
        yield desk, engine.target


def test_the_whole_way_ends_as_on_the_local_runner(
    served: tuple[Desk, ServiceEnvironment], local: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    desk, target = served
    rows = {row["date"]: row for row in local["first"]["rows"]}
    assert {key: row["status"] for key, row in rows.items() if row["status"] != "success"} == {
        BAD: "failed",
        LAST: "blocked",
    }
    assert rows[LAST]["blocked_by"] == [BAD]
    # only the corrupt day and the one that waited for it, whose first two steps stand
    assert local["second"]["computed"] == 14
    mine = desk.through()
    said = capfd.readouterr().err
    if "; retrying" in said:  # what a server cut off when it was asked first has computed some steps already
        assert mine["first"]["computed"] <= local["first"]["computed"], said
        mine["first"]["computed"] = local["first"]["computed"]
    assert mine == local
    assert local["equal"] is True
    assert "is not part of the backfill" not in said
    SHOWS[ORCHESTRATOR](target)
