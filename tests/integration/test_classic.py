"""StreamRec as a DAG of the older kind, run day after day by a real Airflow, against Dagster's assets: equal.

Two days; seven take seven minutes: COUNTERPOINT_CLASSIC_DAYS=7 python -m pytest tests/integration/test_classic.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.errors import ServiceError
from counterpoint.http import ask, bearer
from counterpoint.service_environment import USER
from counterpoint.services import home_of
from counterpoint.services.service_environments import free_port, password_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

pytestmark = [
    pytest.mark.dagster,
    pytest.mark.service,
    pytest.mark.long,
    pytest.mark.torch,
    pytest.mark.timeout(1800),
    pytest.mark.release,
]
BY_HAND = Path(__file__).resolve().parents[2] / "benchmarks" / "handwritten"
SOURCE = "synthetic:rows=600,users=60,items=40,seed=7"
DAYS = [f"2026-01-{7 + number:02}" for number in range(int(os.environ.get("COUNTERPOINT_CLASSIC_DAYS", "2")))]
DAG = "streamrec_classic"
# as its docstring says
POOLS = {"gpu_pool": 4, "feature_store_pool": 2, "model_registry_pool": 1}
PATIENCE = 1200
# what the DAG has left of the days before, when it did not train yet
EARLIER = """
from byhand import steps
for day in (f"2026-01-0{number}" for number in range(1, 7)):
    steps.raw_interactions(day), steps.validated_interactions(day)
"""


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the DAG leaves its outputs; it has those of the days before."""
    place = tmp_path / "lake"
    monkeypatch.setenv("STREAMREC_ROOT", str(place))
    monkeypatch.setenv("STREAMREC_SOURCE", SOURCE)
    path = os.pathsep.join([str(BY_HAND / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    subprocess.run([sys.executable, "-c", EARLIER], check=True, timeout=300)
    shutil.copy(BY_HAND / "classic.toml", place)
    return place


class Airflow:
    """The API of the team's Airflow."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self.token = ask(f"{url}/auth/token", {"username": USER, "password": password})["access_token"]

    def call(self, path: str, body: Any = None) -> Any:
        return ask(f"{self.url}/api/v2{path}", body, credentials=bearer(self.token))

    def runs(self, days: list[str]) -> dict[str, str]:
        """Runs the DAG for each day, one after the other: the state of each run at the end."""
        end = time.monotonic() + PATIENCE
        for name, slots in POOLS.items():
            self.call("/pools", {"name": name, "slots": slots, "include_deferred": False})
        while not self.is_parsed():
            assert time.monotonic() < end, self.call("/importErrors")
            time.sleep(1)
        states = {}
        for day in days:
            self.call(f"/dags/{DAG}/dagRuns", {"dag_run_id": day, "logical_date": f"{day}T02:00:00Z"})
            while (state := self.call(f"/dags/{DAG}/dagRuns/{day}")["state"]) not in {"success", "failed"}:
                assert time.monotonic() < end, (day, state)
                time.sleep(1)
            states[day] = state
        return states

    def is_parsed(self) -> bool:
        with suppress(ServiceError):
            return bool(self.call(f"/dags/{DAG}"))
        return False


@pytest.fixture
def airflow(
    lake: Path, tmp_path: Path, airflow_up: Callable[[str, int], AbstractContextManager[Callable[[], str]]]
) -> Iterator[Airflow]:
    """A real Airflow that has the DAG in its folder."""
    root, port = str(tmp_path / "theirs"), free_port()
    folder = home_of(root, "airflow") / "dags"
    folder.mkdir(parents=True)
    (folder / "classic.py").write_text("from byhand.airflow_classic import dag  # airflow DAG\n", encoding="utf-8")
    with airflow_up(root, port) as waiting:
        assert waiting(), "Airflow did not start"
        yield Airflow(f"http://127.0.0.1:{port}", password_of(folder.parent))


def test_days_of_the_classic_dag_are_those_of_the_assets(lake: Path, airflow: Airflow, tmp_path: Path) -> None:
    assert airflow.runs(DAYS) == dict.fromkeys(DAYS, "success")
    words = [
        "migrate",
        "validate",
        "streamrec",
        "--legacy",
        str(lake / "classic.toml"),
        "--dates",
        f"{DAYS[0]}..{DAYS[-1]}",
    ]
    words += ["--source", SOURCE, "--out", str(tmp_path / "verdict"), "--root", str(tmp_path / "ours")]
    done = subprocess.run([sys.executable, "-m", "counterpoint", *words], check=False, timeout=PATIENCE)
    found = json.loads((tmp_path / "verdict" / "verdict.json").read_text(encoding="utf-8"))
    assert (done.returncode, found["equal"], found["causes"]) == (0, True, [])
    assert {run["orchestrator"] for run in found["sides"]["right"]["runs"]} == {"dagster"}
    assert {row["date"] for row in found["outputs"]} == set(DAYS)
    equal = [row["step"] for row in found["outputs"] if row["status"] == "equal"]
    assert len(equal) == 8 * len(DAYS)
