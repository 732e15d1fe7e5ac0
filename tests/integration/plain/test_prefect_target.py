"""A team's own Prefect with a login as a target: everything is made, run, explained and retried by its API."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import validate

from counterpoint.errors import ServiceError
from counterpoint.http import ask, basic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plain.conftest import Team

pytestmark = [pytest.mark.prefect, pytest.mark.service, pytest.mark.timeout(900)]
DAY, BAD, LAST = "2026-03-02", "2026-03-03", "2026-03-04"
VARIABLE, USER, WORD = "ORCHARD_PREFECT_PASSWORD", "team", "word-of-the-team-7391"
SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/deploy.schema.json").read_text())
DEPLOY = ("deploy", "orchard", "--files", "deploy")


class PrefectServer:
    """The team's Prefect, by its API."""

    def __init__(self, team: Team, url: str, until: Callable[..., Any]) -> None:
        self.team, self.url, self.until = team, url, until

    def call(self, path: str, body: Any = None, method: str | None = None) -> Any:
        try:
            return ask(f"{self.url}{path}", body, method=method, credentials=basic(USER, WORD))
        except ServiceError:
            return None

    def patch(self, path: str, body: Any) -> None:
        """Changes an object, as a person of the team does; such an answer has no body."""
        self.call(path, body, "PATCH")


@pytest.fixture(scope="module")
def prefect(team: Team, free_port: Callable[[], int], until: Callable[..., Any]) -> Iterator[PrefectServer]:
    """A stock server that asks for a login, and a stock worker of a pool that is not made yet."""
    home, port, command = team.folder / "prefect", free_port(), str(Path(sys.executable).parent / "prefect")
    server = PrefectServer(team, f"http://127.0.0.1:{port}/api", until)
    team.variables |= {
        "PREFECT_HOME": str(home),
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        VARIABLE: WORD,
    }
    login = {"PREFECT_SERVER_API_AUTH_STRING": f"{USER}:{WORD}"}
    team.counterpoint("build", "orchard", "--target", "prefect", "--out", "deploy")
    team.add_target("prefect", server.url, f'user = "{USER}"', f'password = "env:{VARIABLE}"')
    start = (command, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui")
    with team.server(*start, log="server", variables=login):
        until(lambda: server.call("/deployments/filter", {}) is not None, 120, lambda: team.log("server"))
        yield server


@pytest.fixture(scope="module")
def deployed(prefect: PrefectServer, team: Team) -> Iterator[dict[str, Any]]:
    """What the deployment told, with a worker that runs what it made."""
    told = team.counterpoint(*DEPLOY, "--yes")
    client = {
        "PREFECT_API_URL": prefect.url,
        "PREFECT_API_AUTH_STRING": f"{USER}:{WORD}",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    command = str(Path(sys.executable).parent / "prefect")
    with team.server(command, "worker", "start", "--pool", "orchard", log="worker", variables=client):
        yield told


def changes(plan: dict[str, Any], name: str = "changes") -> list[tuple[str, str]]:
    return [(change["verb"], change["kind"]) for change in plan[name]]


def test_a_wrong_password_and_a_missing_deployment_are_one_error_each(prefect: PrefectServer, team: Team) -> None:
    team.variables[VARIABLE] = "wrong-password-of-nobody"
    refused = team.ended(*DEPLOY, code=3).stderr
    team.variables[VARIABLE] = WORD
    assert "[target.team]" in refused
    assert "does not let us in (401)" in refused
    assert "wrong-password-of-nobody" not in refused
    missing = team.ended("run", "orchard", "--date", DAY, "--service", code=3).stderr
    assert "has no deployment orchard/prod" in missing
    folder = team.counterpoint("deploy", "orchard", code=4)
    assert "name it by --files" in folder["by_hand"]["orchard"][0]
    assert prefect.call("/v2/concurrency_limits/press") is None


def test_a_plan_that_is_applied_leaves_nothing_to_do(
    prefect: PrefectServer, deployed: dict[str, Any], team: Team
) -> None:
    created = [("create", "limit"), ("create", "work pool"), ("create", "deployment"), ("create", "automation")]
    validate(deployed, SCHEMA)
    assert (changes(deployed), deployed["left"], deployed["by_hand"]) == (created, [], {})
    again = team.counterpoint(*DEPLOY, "--yes")
    assert (again["changes"], again["applied"]) == ([], False)
    native = prefect.call("/deployments/name/orchard/prod")
    assert (native["work_pool_name"], native["schedules"][0]["schedule"]["cron"]) == ("orchard", "0 2 * * *")
    (entry,) = native["schedules"]
    prefect.patch(f"/deployments/{native['id']}/schedules/{entry['id']}", {"active": False})
    assert changes(team.counterpoint(*DEPLOY, code=4)) == [("change", "schedule")]
    assert changes(team.counterpoint(*DEPLOY, "--yes")) == [("change", "schedule")]
    prefect.patch("/v2/concurrency_limits/press", {"limit": 3})
    changed = team.counterpoint(*DEPLOY, "--yes")
    assert [change["details"] for change in changed["changes"]] == ["3 -> 1 slots"]


def test_a_deployment_of_others_is_refused_by_name_and_stays(
    prefect: PrefectServer, deployed: dict[str, Any], team: Team
) -> None:
    native = prefect.call("/deployments/name/orchard/prod")
    prefect.patch(f"/deployments/{native['id']}", {"tags": ["theirs"]})
    refused = team.ended(*DEPLOY, "--yes", code=2).stderr
    assert "deployment orchard/prod" in refused
    assert "was not made by Counterpoint" in refused
    assert prefect.call("/deployments/name/orchard/prod")["tags"] == ["theirs"]
    prefect.patch(f"/deployments/{native['id']}", {"tags": native["tags"]})
    assert deployed["left"] == team.counterpoint(*DEPLOY)["changes"]


@pytest.mark.usefixtures("deployed")
def test_a_run_a_bad_day_and_a_retry_are_on_the_teams_server(prefect: PrefectServer, team: Team) -> None:
    (team.folder / "weather" / f"hail-{BAD}").touch()
    run = team.counterpoint("run", "orchard", "--date", DAY, "--service")
    assert (run["status"], run["orchestrator"], run["env"]) == ("success", "prefect", "prod")
    bad = team.counterpoint("run", "orchard", "--date", BAD, "--service", code=1)
    states = team.counterpoint("status", "orchard", "--from", DAY, "--to", BAD)
    assert {day["date"]: list(day["steps"].values()) for day in states["partitions"]} == {
        DAY: ["fresh", "fresh", "fresh"],
        BAD: ["failed", "blocked", "blocked"],
    }
    why = team.counterpoint("why", bad["run_id"])
    assert f"hail on {BAD}" in json.dumps(why["causes"])
    assert why["page"].startswith(f"{prefect.url.removesuffix('/api')}/runs/flow-run/")
    (team.folder / "weather" / f"hail-{BAD}").unlink()
    again = team.counterpoint("retry", "orchard", "--run", bad["run_id"])
    assert (again["status"], again["orchestrator"]) == ("success", "prefect")
    names = {native["name"]: native["state_type"] for native in prefect.call("/flow_runs/filter", {})}
    assert {names[told["run_id"]] for told in (run, again)} == {"COMPLETED"}
    assert names[bad["run_id"]] == "FAILED"
    kept = [path for path in (team.folder / "lake").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if WORD.encode() in path.read_bytes()]


@pytest.mark.usefixtures("deployed")
def test_a_backfill_is_runs_of_the_teams_server(prefect: PrefectServer, team: Team) -> None:
    words = ("backfill", "orchard", "--from", BAD, "--to", LAST, "--version", "march", "--force", "--service")
    report = team.counterpoint(*words)
    assert [row["status"] for row in report["partitions"]] == ["success", "success"]
    names = {native["name"] for native in prefect.call("/flow_runs/filter", {})}
    assert {row["run_id"] for row in report["partitions"]} <= names


@pytest.mark.usefixtures("deployed")
def test_a_run_that_the_server_began_by_itself_is_found_and_retried_there(prefect: PrefectServer, team: Team) -> None:
    (team.folder / "weather" / f"hail-{LAST}").touch()
    native = prefect.call("/deployments/name/orchard/prod")
    begun = prefect.call(f"/deployments/{native['id']}/create_flow_run", {"parameters": {"date": LAST}})
    ended = {"COMPLETED", "FAILED", "CRASHED"}
    prefect.until(
        lambda: prefect.call(f"/flow_runs/{begun['id']}")["state_type"] in ended, 180, lambda: team.log("worker")
    )
    run = f"prefect-{begun['id']}"
    assert f"hail on {LAST}" in json.dumps(team.counterpoint("why", run)["causes"])
    (team.folder / "weather" / f"hail-{LAST}").unlink()
    again = team.counterpoint("retry", "orchard", "--run", run)
    assert (again["status"], again["date"], again["orchestrator"]) == ("success", LAST, "prefect")
