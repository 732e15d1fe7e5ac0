"""A built DAG file in a stock `airflow standalone` with a DAG folder, without Counterpoint's services."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from plain.conftest import AirflowServer, Team

pytestmark = [pytest.mark.airflow, pytest.mark.service, pytest.mark.timeout(900)]
DAY, BAD = "2026-03-02", "2026-03-03"


@pytest.fixture(scope="module")
def airflow(
    team: Team, stock_airflow: Callable[[Team], AbstractContextManager[AirflowServer]]
) -> Iterator[AirflowServer]:
    """A stock `airflow standalone` with the built file in its DAG folder and the built pools."""
    team.counterpoint("build", "orchard", "--target", "airflow", "--out", "deploy")
    (team.folder / "airflow" / "dags").mkdir(parents=True)
    shutil.copy(team.folder / "deploy" / "dags" / "orchard.py", team.folder / "airflow" / "dags")
    with stock_airflow(team) as server:
        for name, pool in json.loads((team.folder / "deploy" / "pools.json").read_text()).items():
            assert server.call("/pools", {"name": name, **pool})
        server.until(lambda: server.call("/dags/orchard"), 120, lambda: str(server.call("/importErrors")))
        yield server


def test_a_scheduled_run_is_of_the_partition_before_its_tick(airflow: AirflowServer, team: Team) -> None:
    airflow.call("/dags/orchard?update_mask=is_paused", {"is_paused": False}, "PATCH")
    first = airflow.until(
        lambda: (airflow.call("/dags/orchard/dagRuns") or {}).get("dag_runs"), 90, lambda: team.log("airflow")
    )[0]
    run = airflow.ended(first["dag_run_id"])
    due = datetime.fromisoformat(run["run_after"])
    expected = ("scheduled", "success", f"{due - timedelta(days=1):%Y-%m-%d}")
    assert (run["run_type"], run["state"], run["partition_key"]) == expected, airflow.story(run["dag_run_id"])
    assert due < datetime.now(UTC)
    lineage = team.counterpoint("lineage", f"airflow-{run['dag_run_id']}")
    assert (lineage["partition"], lineage["env"], lineage["orchestrator"]) == (run["partition_key"], "prod", "airflow")
    assert lineage["configuration"]["fields"] == 2
    assert lineage["outputs"]["harvest"]["rows"] == 80


def test_a_run_by_hand_is_followed_from_the_command_line(airflow: AirflowServer, team: Team) -> None:
    (team.folder / "weather" / f"hail-{BAD}").touch()
    assert airflow.run_by_hand(DAY)["state"] == "success"
    failed = airflow.run_by_hand(BAD)
    assert failed["state"] == "failed"
    states = team.counterpoint("status", "orchard", "--from", DAY, "--to", BAD)
    assert {day["date"]: day["steps"] for day in states["partitions"]} == {
        DAY: {"harvest": "fresh", "graded": "fresh", "summary": "fresh"},
        BAD: {"harvest": "failed", "graded": "blocked", "summary": "blocked"},
    }
    run = f"airflow-{failed['dag_run_id']}"
    why = team.counterpoint("why", run)
    assert f"hail on {BAD}" in json.dumps(why)
    (team.folder / "weather" / f"hail-{BAD}").unlink()
    again = team.counterpoint("retry", "orchard", "--run", run)
    assert again["status"] == "success"
    assert again["env"] == "prod"


def test_the_file_loads_without_the_teams_package(airflow: AirflowServer, team: Team) -> None:
    program = (
        "import runpy, sys; runpy.run_path(sys.argv[1]);"
        "print([name for name in ('orchard', 'polars', 'torch') if name in sys.modules])"
    )
    file = str(team.folder / "airflow" / "dags" / "orchard.py")
    done = subprocess.run(
        [sys.executable, "-c", program, file], env=team.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
