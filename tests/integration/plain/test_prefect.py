"""Built files in a Prefect that a team has: a stock server and worker, nothing of Counterpoint's services."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.errors import ServiceError
from counterpoint.http import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plain.conftest import Team

pytestmark = [pytest.mark.prefect, pytest.mark.service, pytest.mark.timeout(600)]
NAME, DAY, BAD = "orchard_minutely", "2026-03-02", "2026-03-03"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
POINTS = f"[counterpoint.pipelines]\n{NAME} = orchard.minutely:pipeline\n"


class Installation:
    """The team's Prefect, by its API and its command."""

    def __init__(self, team: Team, port: int, until: Callable[..., Any]) -> None:
        self.team, self.url, self.until = team, f"http://127.0.0.1:{port}/api", until

    def call(self, path: str, body: Any = None) -> Any:
        try:
            return ask(f"{self.url}{path}", body)
        except ServiceError:
            return None

    def prefect(self, *words: str, folder: str = ".") -> str:
        """What a command of Prefect prints."""
        command = [str(Path(sys.executable).parent / "prefect"), "--no-prompt", *words]
        done = subprocess.run(
            command,
            cwd=self.team.folder / folder,
            env=self.team.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def runs(self, *, scheduled: bool) -> list[Any]:
        """The flow runs that have begun, which the schedule made or not."""
        runs = self.call("/flow_runs/filter", {"sort": "EXPECTED_START_TIME_ASC"}) or []
        return [run for run in runs if run["auto_scheduled"] is scheduled and run["state_type"] != "SCHEDULED"]

    def ended(self, run: str) -> Any:
        """The run when it has ended."""

        def look() -> Any:
            told = self.call(f"/flow_runs/{run}")
            return told if told and told["state_type"] in ENDED else None

        def why() -> str:
            return f"{self.call(f'/flow_runs/{run}')}\n{self.team.log('server')}\n{self.team.log('worker')}"

        return self.until(look, 180, why)

    def begin(self, key: str) -> str:
        """The id of a run that a person starts for a partition by the deployment's API."""
        deployment = self.call(f"/deployments/name/{NAME}/prod")
        begun = self.call(f"/deployments/{deployment['id']}/create_flow_run", {"parameters": {"date": key}})
        return str(begun["id"])


@pytest.fixture(scope="module")
def prefect(team: Team, free_port: Callable[[], int], until: Callable[..., Any]) -> Iterator[Installation]:
    """A stock server and a stock process worker, and the built deployment in them, made as its README says."""
    (team.folder / "site" / "orchard-1.4.0.dist-info" / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    home, port, command = team.folder / "prefect", free_port(), str(Path(sys.executable).parent / "prefect")
    installation = Installation(team, port, until)
    team.variables |= {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": installation.url,
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "DO_NOT_TRACK": "1",
    }
    with team.server(command, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui", log="server"):
        team.counterpoint("build", NAME, "--target", "prefect", "--out", "deploy")
        readme = (team.folder / "deploy" / "README.md").read_text(encoding="utf-8")
        until(lambda: installation.call("/ready"), 120, lambda: team.log("server"))
        for line in (
            "gcl create press --limit 1",
            "work-pool create orchard --type process",
            "deploy --all",
            "automation create --from-file automations.yaml",
        ):
            assert f"prefect {line}`" in readme.replace("prefect --no-prompt ", "prefect ")
            installation.prefect(*line.split(), folder="deploy")
        with team.server(command, "worker", "start", "--pool", "orchard", "--limit", "2", log="worker"):
            yield installation


# the first test leaves time for a tick
def test_a_run_by_hand_is_followed_from_the_command_line(prefect: Installation, team: Team) -> None:
    (team.folder / "weather" / f"hail-{BAD}").touch()
    day, bad = prefect.begin(DAY), prefect.begin(BAD)
    assert [prefect.ended(run)["state_type"] for run in (day, bad)] == ["COMPLETED", "FAILED"]
    states = team.counterpoint("status", NAME, "--from", DAY, "--to", BAD)
    assert {partition["date"]: list(partition["steps"].values()) for partition in states["partitions"]} == {
        DAY: ["fresh", "fresh", "fresh"],
        BAD: ["failed", "blocked", "blocked"],
    }
    run = f"prefect-{bad}"
    assert f"hail on {BAD}" in json.dumps(team.counterpoint("why", run))
    (team.folder / "weather" / f"hail-{BAD}").unlink()
    again = team.counterpoint("retry", NAME, "--run", run)
    assert (again["status"], again["env"]) == ("success", "prod")


def test_a_tick_runs_the_partition_before_it(prefect: Installation, team: Team) -> None:
    def why() -> str:
        return team.log("server") + team.log("worker")

    (first, *_) = prefect.until(lambda: prefect.runs(scheduled=True), 150, why)
    # one tick is enough
    (entry,) = prefect.call(f"/deployments/name/{NAME}/prod")["schedules"]
    prefect.prefect("deployment", "schedule", "pause", f"{NAME}/prod", entry["id"])
    run = prefect.ended(first["id"])
    due = datetime.fromisoformat(run["expected_start_time"])
    assert (run["state_type"], due.second) == ("COMPLETED", 0), run["state"]
    assert due <= datetime.now(UTC)
    lineage = team.counterpoint("lineage", f"prefect-{run['id']}")
    assert lineage["partition"] == f"{due - timedelta(days=1):%Y-%m-%d}"
    assert (lineage["env"], lineage["orchestrator"], lineage["configuration"]["fields"]) == ("prod", "prefect", 2)
    assert lineage["outputs"]["harvest"]["rows"] == 80


def test_prefect_knows_tasks_limit_and_deadline(prefect: Installation) -> None:
    (run, *_) = [run for run in prefect.runs(scheduled=False) if run["parameters"] == {"date": DAY}]
    wanted = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    tasks = {task["name"]: task for task in prefect.call("/task_runs/filter", wanted)}
    assert set(tasks) == {"harvest", "graded", "summary"}
    assert tasks["graded"]["tags"] == ["pool:press"]
    assert {name for name, task in tasks.items() if task["state_type"] == "COMPLETED"} == set(tasks)
    assert prefect.call("/v2/concurrency_limits/press")["limit"] == 1
    (automation,) = prefect.call("/automations/filter", {})
    assert (automation["name"], automation["trigger"]["within"]) == (f"{NAME}/prod deadline", 6 * 3600)
