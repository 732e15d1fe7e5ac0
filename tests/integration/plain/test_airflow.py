"""A built DAG file in a stock `airflow standalone` with a DAG folder, without Counterpoint's services."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.errors import ServiceError
from counterpoint.http import ask, bearer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plain.conftest import Team

pytestmark = [pytest.mark.airflow, pytest.mark.service, pytest.mark.timeout(900)]
DAY, BAD = "2026-03-02", "2026-03-03"
ENDED = {"success", "failed"}


class Installation:
    """The team's Airflow, by its REST API."""

    def __init__(self, team: Team, port: int, until: Callable[..., Any]) -> None:
        self.team, self.url, self.until = team, f"http://127.0.0.1:{port}", until
        self.headers: dict[str, str] = {}

    def call(self, path: str, body: Any = None, method: str | None = None) -> Any:
        try:
            return ask(f"{self.url}/api/v2{path}", body, method=method, credentials=self.headers)
        except ServiceError:
            return None

    def log_in(self) -> bool:
        passwords = self.team.folder / "airflow" / "simple_auth_manager_passwords.json.generated"
        if not passwords.exists():
            return False
        try:
            user = {"username": "admin", "password": json.loads(passwords.read_text())["admin"]}
            self.headers = bearer(ask(f"{self.url}/auth/token", user)["access_token"])
        except (ServiceError, ValueError, KeyError):
            return False
        return True

    def ended(self, run: str) -> Any:
        """The run when it has ended."""

        def look() -> Any:
            told = self.call(f"/dags/orchard/dagRuns/{run}")
            return told if told and told["state"] in ENDED else None

        return self.until(
            look, 240, lambda: f"{run}: {self.call(f'/dags/orchard/dagRuns/{run}')}\n{self.team.log('airflow')}"
        )

    def story(self, run: str) -> str:
        """The states of a run's tasks, and the ends of their logs."""
        path, lines = f"/dags/orchard/dagRuns/{run}/taskInstances", list[str]()
        for native in self.call(path)["task_instances"]:
            log = self.call(f"{path}/{native['task_id']}/logs/{max(native['try_number'], 1)}") or {}
            lines.append(f"{native['task_id']}: {native['state']}: {json.dumps(log)[-2500:]}")
        return "\n".join(lines)

    def run_by_hand(self, key: str) -> Any:
        """A run that a person starts for a partition."""
        begun = self.call("/dags/orchard/dagRuns", {"partition_key": key, "logical_date": None})
        assert begun, self.team.log("airflow")
        return self.ended(begun["dag_run_id"])


@pytest.fixture(scope="module")
def airflow(team: Team, free_port: Callable[[], int], until: Callable[..., Any]) -> Iterator[Installation]:
    """A stock `airflow standalone` with the built file in its DAG folder and the built pools."""
    team.counterpoint("build", "orchard", "--target", "airflow", "--out", "deploy")
    home, port = team.folder / "airflow", free_port()
    (home / "dags").mkdir(parents=True)
    shutil.copy(team.folder / "deploy" / "dags" / "orchard.py", home / "dags")
    scripts = Path(sys.executable).parent
    team.variables |= {
        "AIRFLOW_HOME": str(home),
        "PATH": f"{scripts}:/usr/bin:/bin",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    installation = Installation(team, port, until)
    with team.server(str(scripts / "airflow"), "standalone", log="airflow"):
        until(installation.log_in, 300, lambda: team.log("airflow"))
        for name, pool in json.loads((team.folder / "deploy" / "pools.json").read_text()).items():
            assert installation.call("/pools", {"name": name, **pool})
        until(lambda: installation.call("/dags/orchard"), 120, lambda: str(installation.call("/importErrors")))
        yield installation


def test_a_scheduled_run_is_of_the_partition_before_its_tick(airflow: Installation, team: Team) -> None:
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


def test_a_run_by_hand_is_followed_from_the_command_line(airflow: Installation, team: Team) -> None:
    (team.folder / "weather" / f"hail-{BAD}").touch()
    assert airflow.run_by_hand(DAY)["state"] == "success"
    failed = airflow.run_by_hand(BAD)
    assert failed["state"] == "failed"
    states = team.counterpoint("status", "orchard", "--from", DAY, "--to", BAD)
    assert {day["date"]: day["steps"] for day in states["partitions"]} == {
        DAY: {"harvest": "fresh", "graded": "fresh", "summary": "fresh"},
        BAD: {"harvest": "missing", "graded": "missing", "summary": "missing"},
    }
    run = f"airflow-{failed['dag_run_id']}"
    why = team.counterpoint("why", run)
    assert f"hail on {BAD}" in json.dumps(why)
    (team.folder / "weather" / f"hail-{BAD}").unlink()
    again = team.counterpoint("retry", "orchard", "--run", run)
    assert again["status"] == "success"
    assert again["env"] == "prod"


def test_the_file_loads_without_the_teams_package(airflow: Installation, team: Team) -> None:
    program = (
        "import runpy, sys; runpy.run_path(sys.argv[1]);"
        "print([name for name in ('orchard', 'polars', 'torch') if name in sys.modules])"
    )
    file = str(team.folder / "airflow" / "dags" / "orchard.py")
    done = subprocess.run(
        [sys.executable, "-c", program, file], env=team.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
