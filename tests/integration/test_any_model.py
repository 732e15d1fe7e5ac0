"""A team's pandas frames and scikit-learn classifier, on the local runner and on the orchestrator that is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from counterpoint.adapter import find_adapters

pytestmark = pytest.mark.timeout(1200)  # of a busy machine; each run takes half a minute
ORCHESTRATORS = ["local", *sorted(find_adapters())[:1]]
NAME, DAY = "churn.pipeline:pipeline", "2026-03-04"
SOURCES = Path(__file__).parent / "stranger" / "src"
ASKED = """
import json, sys
import mlflow
from counterpoint import read
mlflow.set_tracking_uri(f"sqlite:///{sys.argv[1]}/mlflow/mlflow.db")
loaded = mlflow.pyfunc.load_model("models:/churn@champion")
rows = read("churn.pipeline:pipeline.customers", "2026-03-04", root=sys.argv[1]).to_pandas()[["plan", "visits"]]
stored = read("churn.pipeline:pipeline.classifier", "2026-03-04", root=sys.argv[1])
print(json.dumps([loaded.predict(rows).tolist(), stored.predict(rows).tolist()]))
"""


def called(place: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, *words]
    done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, check=False, timeout=540)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """By orchestrator, the root of one run and its record."""
    found = {}
    for name in ORCHESTRATORS:
        root = tmp_path_factory.mktemp(name)
        words = ("run", NAME, "--date", DAY, "--on", name, "--root", str(root), "--json")
        found[name] = root, json.loads(called(root, "-m", "counterpoint", *words))
    return found


@pytest.mark.parametrize("name", ORCHESTRATORS)
def test_every_step_succeeds_and_the_model_is_registered(
    name: str, runs: dict[str, tuple[Path, dict[str, Any]]]
) -> None:
    root, record = runs[name]
    assert {step["name"]: step["status"] for step in record["steps"]} == dict.fromkeys(
        ("customers", "active", "classifier", "accuracy", "gate"), "success"
    )
    assert record["orchestrator"] == name
    answers = json.loads(called(root, "-c", ASKED, str(root)).splitlines()[-1])
    assert answers[0] == answers[1]
    assert set(answers[0]) == {True, False}


def test_the_digests_are_the_same_wherever_it_runs(runs: dict[str, tuple[Path, dict[str, Any]]]) -> None:
    digests = {
        name: {
            step["name"]: step["output"]["digest"]
            for step in record["steps"]
            if step["output"]["kind"] in {"table", "model"}
        }
        for name, (_, record) in runs.items()
    }
    assert all(told == digests["local"] for told in digests.values())
    assert len(digests["local"]) == 3
