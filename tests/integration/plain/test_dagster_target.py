"""A team's own Dagster as a target: a limit and a schedule are set, runs are made and explained by its GraphQL API."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import validate

from counterpoint.errors import ServiceError
from counterpoint.http import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plain.conftest import Team

pytestmark = [pytest.mark.dagster, pytest.mark.service, pytest.mark.timeout(900)]
DAY, BAD, LAST = "2026-03-02", "2026-03-03", "2026-03-04"
SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/deploy.schema.json").read_text())
DEPLOY = ("deploy", "orchard")
WHERE = {"repositoryLocationName": "orchard", "repositoryName": "__repository__"}
LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus
  locationOrLoadError { __typename } } } } }"""
LIMIT = 'query { instance { concurrencyLimit(concurrencyKey: "press") { limit } } }'
SET = 'mutation($n: Int!) { setConcurrencyLimit(concurrencyKey: "press", limit: $n) }'
LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } } }"""
RUNS = """query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId status
  tags { key value } assets { key { path } } } } } }"""


class DagsterServer:
    """The team's Dagster, by its GraphQL API."""

    def __init__(self, team: Team, url: str, until: Callable[..., Any]) -> None:
        self.team, self.url, self.until = team, url, until

    def call(self, query: str, **variables: Any) -> Any:
        try:
            return ask(f"{self.url}/graphql", {"query": query, "variables": variables})["data"]
        except ServiceError:
            return None

    def is_loaded(self) -> bool:
        answer = self.call(LOADED)
        entries = answer["workspaceOrError"].get("locationEntries", []) if answer else []
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)

    def limit(self) -> int | None:
        return self.call(LIMIT)["instance"]["concurrencyLimit"]["limit"]

    def runs(self, **wanted: Any) -> list[dict[str, Any]]:
        return self.call(RUNS, f=wanted)["runsOrError"]["results"]

    def logs(self) -> str:
        return f"{self.team.log('webserver')}\n{self.team.log('daemon')}"


@pytest.fixture(scope="module")
def dagster(team: Team, free_port: Callable[[], int], until: Callable[..., Any]) -> Iterator[DagsterServer]:
    """Dagster's own servers with the built workspace, which an environment of the team names as its target."""
    entry_points = team.folder / "site" / "orchard-1.4.0.dist-info" / "entry_points.txt"
    with entry_points.open("a", encoding="utf-8") as file:
        file.write("orchard_quick = orchard.quick:pipeline\n")
    team.counterpoint("build", "orchard", "--target", "dagster", "--out", "deploy")
    home, port = team.folder / "dagster", free_port()
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    scripts, workspace = Path(sys.executable).parent, str(team.folder / "deploy" / "workspace.yaml")
    team.variables |= {"DAGSTER_HOME": str(home), "PATH": f"{scripts}:/usr/bin:/bin"}
    server = DagsterServer(team, f"http://127.0.0.1:{port}", until)
    team.add_target("dagster", server.url)
    missing = team.ended(*DEPLOY, code=3).stderr
    assert "[target.team]" in missing
    assert "does not answer" in missing
    # makes the databases, which two servers must not do at once
    ask_first = [str(scripts / "dagster"), "instance", "concurrency", "get", "--all"]
    subprocess.run(ask_first, env=team.environment, check=True, capture_output=True, timeout=120)
    web = (str(scripts / "dagster-webserver"), "-w", workspace, "-h", "127.0.0.1", "-p", str(port))
    daemon = (str(scripts / "dagster-daemon"), "run", "-w", workspace)
    with team.server(*web, log="webserver"), team.server(*daemon, log="daemon"):
        until(server.is_loaded, 180, server.logs)
        yield server


def changes(plan: dict[str, Any]) -> list[tuple[str, str]]:
    return [(change["verb"], change["kind"]) for change in plan["changes"]]


def test_a_plan_that_is_applied_leaves_nothing_to_do(dagster: DagsterServer, team: Team) -> None:
    assert changes(team.counterpoint(*DEPLOY, code=4)) == [("create", "limit"), ("change", "schedule")]
    assert dagster.limit() is None
    done = team.counterpoint(*DEPLOY, "--yes")
    validate(done, SCHEMA)
    assert (done["applied"], done["left"], done["by_hand"]) == (True, [], {})
    assert dagster.limit() == 1
    assert team.counterpoint(*DEPLOY, "--yes")["changes"] == []


def test_what_is_not_loaded_or_not_ours_is_named_and_stays(dagster: DagsterServer, team: Team) -> None:
    other = team.counterpoint("deploy", "orchard_quick", code=4)
    assert "has the job orchard_quick" in other["by_hand"]["orchard_quick"][0]
    words = ("run", "orchard_quick", "--date", DAY, "--service")
    assert "no code location of" in team.ended(*words, code=3).stderr
    dagster.call(SET, n=3)
    refused = team.ended(*DEPLOY, "--yes", code=2).stderr
    assert "limit press" in refused
    assert "has 3 slots" in refused
    assert dagster.limit() == 3
    dagster.call(SET, n=1)


def test_a_run_a_bad_day_and_a_retry_are_on_the_teams_server(dagster: DagsterServer, team: Team) -> None:
    (team.folder / "weather" / f"hail-{BAD}").touch()
    run = team.counterpoint("run", "orchard", "--date", DAY, "--service")
    assert (run["status"], run["orchestrator"], run["env"]) == ("success", "dagster", "prod")
    assert {step["status"] for step in run["steps"]} == {"success"}
    tag = {"key": "counterpoint/run_id", "value": run["run_id"]}
    (native,) = dagster.runs(tags=[tag])
    assert sorted(asset["key"]["path"] for asset in native["assets"]) == [
        ["orchard", "graded"],
        ["orchard", "harvest"],
        ["orchard", "summary"],
    ]
    bad = team.counterpoint("run", "orchard", "--date", BAD, "--service", code=1)
    assert [step["status"] for step in bad["steps"]] == ["failed", "upstream_failed", "upstream_failed"]
    states = team.counterpoint("status", "orchard", "--from", DAY, "--to", BAD)
    assert {day["date"]: list(day["steps"].values()) for day in states["partitions"]} == {
        DAY: ["fresh", "fresh", "fresh"],
        BAD: ["failed", "blocked", "blocked"],
    }
    why = team.counterpoint("why", bad["run_id"])
    assert f"hail on {BAD}" in json.dumps(why["causes"])
    assert why["page"].startswith(dagster.url)
    (team.folder / "weather" / f"hail-{BAD}").unlink()
    again = team.counterpoint("retry", "orchard", "--run", bad["run_id"])
    assert (again["status"], again["orchestrator"]) == ("success", "dagster")


def test_a_backfill_is_runs_of_the_teams_server(dagster: DagsterServer, team: Team) -> None:
    words = ("backfill", "orchard", "--from", BAD, "--to", LAST, "--version", "march", "--force", "--service")
    report = team.counterpoint(*words)
    assert [row["status"] for row in report["partitions"]] == ["success", "success"]
    for row in report["partitions"]:
        (native,) = dagster.runs(tags=[{"key": "counterpoint/run_id", "value": row["run_id"]}])
        assert native["status"] == "SUCCESS"


def test_a_run_that_the_server_began_by_itself_is_found_and_retried_there(dagster: DagsterServer, team: Team) -> None:
    (team.folder / "weather" / f"hail-{LAST}").touch()
    parameters = {
        "selector": {**WHERE, "pipelineName": "orchard"},
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": LAST}]},
    }
    begun = dagster.call(LAUNCH, p=parameters)["launchPipelineExecution"]["run"]["runId"]
    dagster.until(lambda: dagster.runs(runIds=[begun])[0]["status"] == "FAILURE", 240, dagster.logs)
    run = f"dagster-{begun}"
    assert f"hail on {LAST}" in json.dumps(team.counterpoint("why", run)["causes"])
    (team.folder / "weather" / f"hail-{LAST}").unlink()
    again = team.counterpoint("retry", "orchard", "--run", run)
    assert (again["status"], again["date"], again["orchestrator"]) == ("success", LAST, "dagster")
