"""When DAGs ran last is asked of a team's own Airflow, by its REST API."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import CounterpointError
from counterpoint_migrate.plan.run_history import AirflowAccess, read_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.airflow, pytest.mark.long]

DAG = "from airflow.sdk import DAG\nfor name in ('old', 'never'):\n    with DAG(name, schedule=None):\n        pass\n"
FILL = """
from datetime import timedelta
from airflow.models.dagrun import DagRun
from airflow.utils import timezone
from airflow.utils.session import create_session
from airflow.utils.types import DagRunType
begin = timezone.datetime(2025, 1, 1)
with create_session() as session:
    for number, (state, seconds) in enumerate((("success", 60), ("success", 120), ("failed", 9), ("success", 180))):
        run = DagRun(dag_id="old", run_id=f"r{number}", run_type=DagRunType.MANUAL, state=state)
        run.run_after = run.start_date = begin + timedelta(days=number)
        run.end_date = run.start_date + timedelta(seconds=seconds)
        session.add(run)
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of an Airflow with two DAGs and four runs, which lets everybody in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow.db'}",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    }
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "two.py").write_text(DAG, encoding="utf-8")
    for words in (("-m", "airflow", "db", "migrate"), ("-m", "airflow", "dags", "reserialize"), ("-c", FILL)):
        subprocess.run([sys.executable, *words], env=environment, check=True, capture_output=True, timeout=240)
    command = [sys.executable, "-m", "airflow", "api-server", "--port", str(port), "--host", "127.0.0.1"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([*command, "--workers", "1"], env=environment, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(60)


def test_last_runs_and_medians(url: str) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            found = read_history(AirflowAccess(url))
            break
        except CounterpointError:  # it is still starting
            if time.monotonic() > until:
                raise
            time.sleep(1)
    assert found["old"].last is not None
    assert found["old"].last.startswith("2025-01-04T00:00:00")
    assert found["old"].median_seconds == 120
    assert (found["never"].last, found["never"].median_seconds) == (None, None)
