"""Built definitions in a Dagster that a team has: its webserver and daemon, nothing of Counterpoint's services.

These two are what `dagster dev` starts; it takes three times as long to do so.
"""

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

pytestmark = [pytest.mark.dagster, pytest.mark.service, pytest.mark.timeout(900)]
NAME = "orchard_quick"
DAY, BAD = "2026-03-02", "2026-03-03"
WHERE = {"repositoryLocationName": NAME, "repositoryName": "__repository__"}
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus
  locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
START = "mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename } }"
LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUNS = """query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId status
  tags { key value } assets { key { path } } } } } }"""


class Installation:
    """The team's Dagster, by its GraphQL API."""

    def __init__(self, team: Team, port: int, until: Callable[..., Any]) -> None:
        self.team, self.url, self.until = team, f"http://127.0.0.1:{port}/graphql", until

    def call(self, query: str, **variables: Any) -> Any:
        try:
            return ask(self.url, {"query": query, "variables": variables}, credentials={})["data"]
        except ServiceError:
            return None

    def logs(self) -> str:
        return f"{self.team.log('webserver')}\n{self.team.log('daemon')}"

    def is_loaded(self) -> bool:
        answer = self.call(LOADED)
        entries = answer["workspaceOrError"].get("locationEntries", []) if answer else []
        errors = [e for e in entries if (e["locationOrLoadError"] or {}).get("__typename") == "PythonError"]
        assert not errors, errors
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        answer = self.call(RUNS, f=filters)
        return answer["runsOrError"]["results"] if answer else []

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run when it has ended."""

        def look() -> Any:
            return next((run for run in self.runs(runIds=[run_id]) if run["status"] in ENDED), None)

        return self.until(look, 240, lambda: f"{self.runs(runIds=[run_id])}\n{self.logs()}")

    def start_by_hand(self, key: str) -> str:
        """Starts a run for a partition, as a person does."""
        parameters = {
            "selector": {**WHERE, "pipelineName": NAME},
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": key}]},
        }
        answer = self.call(LAUNCH, p=parameters)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])


@pytest.fixture(scope="module")
def dagster(team: Team, free_port: Callable[[], int], until: Callable[..., Any]) -> Iterator[Installation]:
    """Dagster's own servers with the built workspace, the pool's limit, and the schedule switched on."""
    entry_points = team.folder / "site" / "orchard-1.4.0.dist-info" / "entry_points.txt"
    with entry_points.open("a", encoding="utf-8") as file:
        file.write(f"{NAME} = orchard.quick:pipeline\n")
    team.counterpoint("build", NAME, "--target", "dagster", "--out", "deploy")
    home, port = team.folder / "dagster", free_port()
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    scripts, workspace = Path(sys.executable).parent, str(team.folder / "deploy" / "workspace.yaml")
    team.variables |= {"DAGSTER_HOME": str(home), "PATH": f"{scripts}:/usr/bin:/bin"}
    limit = [str(scripts / "dagster"), "instance", "concurrency", "set", "press", "1"]
    subprocess.run(limit, env=team.environment, check=True, capture_output=True, timeout=120)
    web = (str(scripts / "dagster-webserver"), "-w", workspace, "-h", "127.0.0.1", "-p", str(port))
    daemon = (str(scripts / "dagster-daemon"), "run", "-w", workspace)
    installation = Installation(team, port, until)
    with team.server(*web, log="webserver"), team.server(*daemon, log="daemon"):
        until(installation.is_loaded, 180, installation.logs)
        started = installation.call(START, s={**WHERE, "scheduleName": f"{NAME}_schedule"})
        assert started["startSchedule"]["__typename"] == "ScheduleStateResult"
        yield installation


def test_a_run_by_hand_is_followed_from_the_command_line(dagster: Installation, team: Team) -> None:
    (team.folder / "weather" / f"hail-{BAD}").touch()
    begun = [dagster.start_by_hand(key) for key in (DAY, BAD)]
    run, failed = map(dagster.ended, begun)
    assert run["status"] == "SUCCESS", dagster.logs()
    assert sorted(asset["key"]["path"] for asset in run["assets"]) == [
        [NAME, "graded"],
        [NAME, "harvest"],
        [NAME, "summary"],
    ]
    assert failed["status"] == "FAILURE"
    states = team.counterpoint("status", NAME, "--from", DAY, "--to", BAD)
    assert {day["date"]: day["steps"] for day in states["partitions"]} == {
        DAY: {"harvest": "fresh", "graded": "fresh", "summary": "fresh"},
        BAD: {"harvest": "failed", "graded": "blocked", "summary": "blocked"},
    }
    run_id = f"dagster-{failed['runId']}"
    why = team.counterpoint("why", run_id)
    assert f"hail on {BAD}" in json.dumps(why)
    (team.folder / "weather" / f"hail-{BAD}").unlink()
    again = team.counterpoint("retry", NAME, "--run", run_id)
    assert (again["status"], again["date"]) == ("success", BAD)


def test_a_tick_starts_a_run_of_the_partition_before_it(dagster: Installation, team: Team) -> None:
    tag = {"key": "dagster/schedule_name", "value": f"{NAME}_schedule"}
    (first, *_) = dagster.until(lambda: dagster.runs(tags=[tag]), 150, dagster.logs)
    run = dagster.ended(first["runId"])
    assert run["status"] == "SUCCESS", dagster.logs()
    key = next(tag["value"] for tag in run["tags"] if tag["key"] == "dagster/partition")
    assert key in {f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" for days in (1, 2)}
    lineage = team.counterpoint("lineage", f"dagster-{run['runId']}")
    assert (lineage["partition"], lineage["env"], lineage["orchestrator"]) == (key, "prod", "dagster")
    assert lineage["configuration"]["fields"] == 2
    assert lineage["outputs"]["harvest"]["rows"] == 80


def test_no_variable_of_counterpoint_was_set(dagster: Installation, team: Team) -> None:
    assert dagster.is_loaded()
    assert not [name for name in team.environment if name.startswith("COUNTERPOINT_")]
