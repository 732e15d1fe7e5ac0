"""A team's own Airflow database: its runs, pools and DAGs are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from counterpoint.runtime import find_pipeline
from counterpoint.service_environment import SITE
from counterpoint.services.leases import use
from counterpoint.services.processes import MARK

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.airflow

# a pool of the name that the pipeline declares, with other slots
POOL = """
import sys
from airflow.models.pool import Pool
from airflow.utils.db import initdb
initdb()
Pool.create_or_update_pool(sys.argv[1], 7, "of the team", include_deferred=False)
"""
LOOK = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    for table, columns in (("slot_pool", "pool, slots, description"), ("dag", "dag_id, is_paused, is_stale")):
        print(sorted(database.execute(f"select {columns} from {table}")))
    print(sorted(database.execute("select run_id, state from dag_run")))
"""
DAG = """
from airflow.models import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.types import DagRunType
with create_session() as session:
    session.add(DagBundleModel(name="theirs"))
    session.flush()
    session.add(DagModel(dag_id="team_billing", fileloc="/team/dags/billing.py", bundle_name="theirs", is_stale=False))
    session.flush()
    run = DagRun(dag_id="team_billing", run_id="theirs", run_type=DagRunType.MANUAL, state="running")
    session.add(run)
"""


def python(team: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    theirs = {
        "AIRFLOW_HOME": str(team),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{team / 'airflow.db'}",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **environment,
    }
    command = [sys.executable, *words]
    return subprocess.run(
        command, env={**os.environ, **theirs}, capture_output=True, text=True, check=False, timeout=240
    )


def test_its_pools_and_dags_are_left_alone(tmp_path: Path) -> None:
    team, home = tmp_path / "team", tmp_path / "services" / "airflow"
    for folder in (team, home):
        folder.mkdir(parents=True)
    pool, database = find_pipeline("streamrec").pools[0], str(team / "airflow.db")
    python(team, "-c", POOL, pool.name).check_returncode()
    before = python(team, "-c", LOOK, database).stdout
    deploy, mine = ("-m", "counterpoint_airflow.deploy", "streamrec"), {SITE: "mine", MARK: str(home)}

    alone = python(team, *deploy)
    assert (alone.returncode, "nothing was changed" in alone.stderr) == (2, True)
    assert python(team, "-c", LOOK, database).stdout == before

    done = python(team, *deploy, **mine)
    assert done.returncode == 0, done.stderr
    assert f"pool {pool.name} was not made by Counterpoint and stays as it is: 7 slots" in done.stderr
    assert f"('{pool.name}', 7, 'of the team')" in python(team, "-c", LOOK, database).stdout

    with os.fdopen(use(home)):
        other = python(team, *deploy, **{SITE: "other", MARK: str(tmp_path / "other")})
    assert (other.returncode, f"used by the services of {home}" in other.stderr) == (2, True)

    made = python(team, "-c", DAG)
    assert made.returncode == 0, made.stderr
    before = python(team, "-c", LOOK, database).stdout
    assert "('theirs', 'running')" in before
    refused = python(team, *deploy, **mine)
    assert (refused.returncode, "DAGs that Counterpoint did not make (team_billing)" in refused.stderr) == (2, True)
    assert python(team, "-c", LOOK, database).stdout == before
