"""A team's own Airflow as a target: a plan, the deployment, runs, causes and retries by its REST API."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from plain.conftest import AirflowServer, Team

pytestmark = [pytest.mark.airflow, pytest.mark.service, pytest.mark.timeout(900)]
DAY, BAD, LAST = "2026-03-02", "2026-03-03", "2026-03-04"
VARIABLE = "ORCHARD_AIRFLOW_PASSWORD"
SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/deploy.schema.json").read_text())
DEPLOY = ("deploy", "orchard")


@pytest.fixture(scope="module")
def airflow(
    team: Team, stock_airflow: Callable[[Team], AbstractContextManager[AirflowServer]]
) -> Iterator[AirflowServer]:
    """A stock Airflow without a DAG, which an environment of the team names as its target."""
    team.counterpoint("build", "orchard", "--target", "airflow", "--out", "deploy")
    with stock_airflow(team) as server:
        passwords = team.folder / "airflow" / "simple_auth_manager_passwords.json.generated"
        team.variables[VARIABLE] = json.loads(passwords.read_text())["admin"]
        team.add_target("airflow", server.url, 'user = "admin"', f'password = "env:{VARIABLE}"')
        yield server


def changes(plan: dict[str, Any], name: str = "changes") -> list[tuple[str, str, str]]:
    return [(change["verb"], change["kind"], change["name"]) for change in plan[name]]


def test_a_wrong_password_and_a_dag_that_is_not_loaded_are_one_error_each(airflow: AirflowServer, team: Team) -> None:
    right = team.variables[VARIABLE]
    team.variables[VARIABLE] = "wrong-password-of-nobody"
    refused = team.ended(*DEPLOY, code=3).stderr
    team.variables[VARIABLE] = right
    assert "[target.team]" in refused
    assert "does not let us in (401)" in refused
    assert "wrong-password-of-nobody" not in refused
    missing = team.ended("run", "orchard", "--date", DAY, "--service", code=3).stderr
    assert f"{airflow.url} has not loaded the DAG orchard" in missing
    assert "counterpoint deploy orchard --yes --env prod" in missing


def test_a_plan_is_printed_before_it_is_applied_and_leaves_nothing_to_do(airflow: AirflowServer, team: Team) -> None:
    before = team.counterpoint(*DEPLOY, code=4)
    assert changes(before) == [("create", "pool", "press")]
    assert "dags/orchard.py is not loaded" in before["by_hand"]["orchard"][0]
    assert airflow.call("/pools/press") is None
    shutil.copy(team.folder / "deploy" / "dags" / "orchard.py", team.folder / "airflow" / "dags")
    airflow.until(lambda: airflow.call("/dags/orchard"), 120, lambda: str(airflow.call("/importErrors")))
    planned = team.ended(*DEPLOY, code=4).stdout
    assert "create 1 pool, change 1 schedule" in planned
    done = team.counterpoint(*DEPLOY, "--yes")
    validate(done, SCHEMA)
    assert changes(done) == [("create", "pool", "press"), ("change", "schedule", "orchard")]
    assert (done["applied"], done["left"], done["by_hand"]) == (True, [], {})
    again = team.counterpoint(*DEPLOY, "--yes")
    assert (again["changes"], again["applied"]) == ([], False)
    assert airflow.call("/pools/press")["slots"] == 1


def test_what_others_made_is_refused_by_name_and_stays(airflow: AirflowServer, team: Team) -> None:
    path = "/pools/press?update_mask=slots&update_mask=description"
    pool = {"pool": "press", "include_deferred": False}
    airflow.call(path, {**pool, "slots": 3, "description": "the team's own"}, "PATCH")
    refused = team.ended(*DEPLOY, "--yes", code=2).stderr
    assert "pool press" in refused
    assert "was not made by Counterpoint" in refused
    assert airflow.call("/pools/press")["slots"] == 3
    airflow.call(path, {**pool, "slots": 2, "description": "declared by the pipeline orchard"}, "PATCH")
    done = team.counterpoint(*DEPLOY, "--yes")
    assert [change["details"] for change in done["changes"]] == ["2 -> 1 slots"]
    assert airflow.call("/pools/press")["slots"] == 1


def test_a_run_a_bad_day_and_a_retry_are_on_the_teams_server(airflow: AirflowServer, team: Team) -> None:
    (team.folder / "weather" / f"hail-{BAD}").touch()
    run = team.counterpoint("run", "orchard", "--date", DAY, "--service")
    assert (run["status"], run["orchestrator"], run["env"]) == ("success", "airflow", "prod")
    assert airflow.call(f"/dags/orchard/dagRuns/{run['run_id']}")["state"] == "success"
    bad = team.counterpoint("run", "orchard", "--date", BAD, "--service", code=1)
    states = team.counterpoint("status", "orchard", "--from", DAY, "--to", BAD)
    assert {day["date"]: list(day["steps"].values()) for day in states["partitions"]} == {
        DAY: ["fresh", "fresh", "fresh"],
        BAD: ["failed", "blocked", "blocked"],
    }
    why = team.counterpoint("why", bad["run_id"])
    assert f"hail on {BAD}" in json.dumps(why["causes"])
    assert why["page"].startswith(airflow.url)
    (team.folder / "weather" / f"hail-{BAD}").unlink()
    again = team.counterpoint("retry", "orchard", "--run", bad["run_id"])
    assert (again["status"], again["orchestrator"]) == ("success", "airflow")
    assert airflow.call(f"/dags/orchard/dagRuns/{again['run_id']}")["state"] == "success"
    secret = team.variables[VARIABLE].encode()
    kept = [path for path in (team.folder / "lake").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if secret in path.read_bytes()]


def test_a_backfill_is_runs_of_the_teams_server(airflow: AirflowServer, team: Team) -> None:
    words = ("backfill", "orchard", "--from", BAD, "--to", LAST, "--version", "march", "--force", "--service")
    report = team.counterpoint(*words)
    assert [row["status"] for row in report["partitions"]] == ["success", "success"]
    runs = {run["dag_run_id"] for run in airflow.call("/dags/orchard/dagRuns?limit=100")["dag_runs"]}
    assert {row["run_id"] for row in report["partitions"]} <= runs


def test_a_run_that_the_server_began_by_itself_is_found_and_retried_there(airflow: AirflowServer, team: Team) -> None:
    (team.folder / "weather" / f"hail-{LAST}").touch()
    failed = airflow.run_by_hand(LAST)
    run = f"airflow-{failed['dag_run_id']}"
    assert f"hail on {LAST}" in json.dumps(team.counterpoint("why", run))
    # a run of which no worker has recorded anything is known to the server alone
    shutil.rmtree(team.folder / "lake" / "runs" / "orchard" / run)
    assert f"hail on {LAST}" in json.dumps(team.counterpoint("why", run)["causes"])
    (team.folder / "weather" / f"hail-{LAST}").unlink()
    again = team.counterpoint("retry", "orchard", "--run", run)
    assert (again["status"], again["date"], again["orchestrator"]) == ("success", LAST, "airflow")
