"""The guide through a migration: its commands run in its order, and say what the guide says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "core" / "migration"))

from oldairflow import PASSWORD, Airflow, speaking

pytestmark = pytest.mark.timeout(1200)
GUIDE = (ROOT / "docs/tutorial/migrating-a-team.md").read_text(encoding="utf-8")
BY_HAND = ROOT / "benchmarks" / "handwritten"
# what the classic DAG's tasks do, for the days that it is said to have run
CLASSIC = """
from byhand import steps
for day in (f"2026-01-0{number}" for number in range(1, 8)):
    steps.raw_interactions(day), steps.validated_interactions(day)
done = ("retrieval_model", "ranking_model", "retrieval_evaluation", "ranking_evaluation")
for name in ("training_features", *done):
    getattr(steps, name)("2026-01-07")
steps.registered_models("2026-01-07", set(done))
"""


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    """The team's own Airflow, as far as a cut-over asks it."""
    with speaking() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, airflow: Airflow) -> Path:
    """A folder with the environments and examples of the checkout, and the lake that the old DAG has left."""
    for name in (".venv", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    lake = tmp_path / "lake"
    source = re.findall(r"--source (\S+)", GUIDE)[0]
    python = os.pathsep.join([str(BY_HAND / "src"), os.environ.get("PYTHONPATH", "")])
    settings = {"STREAMREC_ROOT": str(lake), "STREAMREC_SOURCE": source, "PYTHONPATH": python}
    subprocess.run([sys.executable, "-c", CLASSIC], env={**os.environ, **settings}, check=True, timeout=600)
    there = f'[airflow]\nurl = "{airflow.url}"\ndag_id = "old one"\nuser = "OLD_USER"\npassword = "OLD_PASSWORD"\n'
    outputs = (BY_HAND / "classic.toml").read_text(encoding="utf-8")
    (lake / "classic.toml").write_text(f"{outputs}\n{there}", encoding="utf-8")
    return tmp_path


@pytest.mark.torch
def test_the_way_of_a_team(place: Path, airflow: Airflow) -> None:
    commands = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]
    assert len(commands) == 9
    told, paused = [], []
    for command in commands:
        environment = {**os.environ, "COUNTERPOINT_ROOT": str(place / "data")}
        environment |= {"OLD_USER": "ann", "OLD_PASSWORD": PASSWORD}
        done = subprocess.run(
            command.split(), cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=900
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout
        told.append(done.stdout + done.stderr)
        paused.append(airflow.paused)
    inventory, plan, preflight, verdict, again, shadow, ledger, cutover, _ = told
    assert "15" in inventory
    assert "cycle pricing -> stock_forecast -> pricing" in plan
    assert "Wave 5" in plan
    assert "Wave 6" not in plan
    assert "differs" in preflight
    assert "verdict: verdict/verdict.html" in verdict
    assert "still holds: equal" in again
    assert "legacy-airflow-dagster: identical for 1 day (2026-01-07..2026-01-07)" in shadow
    assert "no cut-over yet" in ledger
    assert "owned by dagster" in cutover
    assert paused == [False] * 7 + [True, False]
