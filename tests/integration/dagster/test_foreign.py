"""A team's own Dagster instance: what runs there, its pools and its claim are left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.runtime import find_pipeline
from counterpoint.service_environment import SITE, SITE_TAG
from counterpoint.services.leases import use
from counterpoint.services.processes import MARK

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.dagster

TEAM = """
import time, dagster as dg
@dg.op
def bill(): time.sleep(600)
@dg.job
def team_billing(): bill()
with dg.DagsterInstance.get() as instance:
    team_billing.execute_in_process(instance=instance)
"""
LOOK = """
import json, dagster as dg
with dg.DagsterInstance.get() as i:
    runs = {r.job_name: r.status.value for r in i.get_runs()}
    pools = {p.name: p.limit for p in i.event_log_storage.get_pool_limits()}
print(json.dumps([runs, pools]))
"""
# a pool of the name that the pipeline declares, with other slots, and a run that a killed daemon of ours has left
GIVEN = """
import sys, dagster as dg
from dagster._core.utils import make_new_run_id
with dg.DagsterInstance.get() as i:
    i.event_log_storage.set_concurrency_slots(sys.argv[1], 7)
    i.add_run(dg.DagsterRun("ours", make_new_run_id(), status=dg.DagsterRunStatus.STARTED, tags={sys.argv[2]: "mine"}))
    i.add_run(dg.DagsterRun("others", make_new_run_id(), status=dg.DagsterRunStatus.STARTED, tags={sys.argv[2]: "2"}))
"""


def python(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {"DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1", **environment}
    command = [sys.executable, *words]
    return subprocess.run(command, env={**os.environ, **kept}, capture_output=True, text=True, check=False, timeout=120)


def look(home: Path) -> list[dict[str, Any]]:
    said = python(home, "-c", LOOK)
    assert said.returncode == 0, said.stderr
    found: list[dict[str, Any]] = json.loads(said.stdout)
    return found


def test_its_runs_and_pools_are_left_alone(tmp_path: Path) -> None:
    team, home = tmp_path / "team", tmp_path / "services" / "dagster"
    for folder in (team, home):
        folder.mkdir(parents=True)
    (team / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    pool = find_pipeline("streamrec").pools[0]
    assert look(team) == [{}, {}]  # makes the database, which two processes must not do at once
    environment = {**os.environ, "DAGSTER_HOME": str(team), "DAGSTER_DISABLE_TELEMETRY": "1"}
    with subprocess.Popen([sys.executable, "-c", TEAM], env=environment, stderr=subprocess.DEVNULL) as running:
        try:
            while look(team)[0] != {"team_billing": "STARTED"}:
                assert running.poll() is None
                time.sleep(1)
            python(team, "-c", GIVEN, pool.name, SITE_TAG).check_returncode()
            before = look(team)

            alone = python(team, "-m", "counterpoint_dagster.deploy", "streamrec")
            assert (alone.returncode, "nothing was changed" in alone.stderr) == (2, True)
            assert look(team) == before

            deploy = ("-m", "counterpoint_dagster.deploy", "streamrec")
            done = python(team, *deploy, **{SITE: "mine", MARK: str(home)})
            assert done.returncode == 0, done.stderr
            assert f"pool {pool.name} was not made by Counterpoint and stays as it is: 7 slots" in done.stderr
            runs, pools = look(team)
            assert runs == {"team_billing": "STARTED", "ours": "FAILURE", "others": "STARTED"}
            assert pools[pool.name] == 7

            with os.fdopen(use(home)):
                other = python(team, *deploy, **{SITE: "other", MARK: str(tmp_path / "other")})
            assert (other.returncode, f"used by the services of {home}" in other.stderr) == (2, True)
            assert python(team, *deploy, **{SITE: "other", MARK: str(tmp_path / "other")}).returncode == 0
            assert running.poll() is None
        finally:
            running.kill()
