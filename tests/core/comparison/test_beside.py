"""What scripts measured that take longer than a comparison, in its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from counterpoint_compare.external_results import OURS, external_results_of
from counterpoint_compare.figures import summary
from counterpoint_compare.measured import Measured
from counterpoint_compare.report import write_report
from counterpoint_compare.results import machine, results_of
from counterpoint_compare.runs import Comparison, Contestant

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/results.schema.json").read_text(encoding="utf-8"))

MADE = {"made": "2026-11-22T03:00:00+00:00", "command": "python measure.py", "machine": machine()}


def report_with(beside: dict[str, Any]) -> dict[str, Any]:
    """The results of a comparison whose one side did not run, with what was measured beside it."""
    nobody = Contestant("airflow", ("counterpoint", "run"), Measured(3, "", 0.1, 0.1, 9, 1), None)
    asked = Comparison("streamrec", "2026-01-07", ("airflow",), "/tmp/none", None)  # noqa: S108
    found = {**results_of(asked, [nobody], {}), "beside": beside}
    jsonschema.validate(found, SCHEMA)
    return found


def faults(*, met: bool) -> dict[str, Any]:
    cell = {"met": met, "missed": [] if met else ["cause"], "why_seconds": 0.75, "native_calls": 3}
    rows = [{"fault": "a bug in <validation>", "on": {"airflow": cell}}]
    counts = {"wanted": 1, "met": int(met), "wrong": 0}
    return {**MADE, **counts, "seconds": 9.0, "versions": {"airflow": "3.3.2", "dagster": None}, "rows": rows}


def by_hand(orchestrator: str, *shares: float) -> dict[str, Any]:
    side = {"wall": summary([20.0]), "cpu": summary([30.0])}
    share = summary(shares)
    return {**MADE, "orchestrator": orchestrator, "by_hand": side, "counterpoint": side, "wall": share, "cpu": share}


def put(folder: Path, name: str, document: dict[str, Any]) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(document), encoding="utf-8")


def test_what_was_measured_here_goes_before_what_the_project_measured(tmp_path: Path) -> None:
    out, ours = tmp_path / "out", tmp_path / "ours"
    assert external_results_of(out, ours) == {"faults": None, "by_hand": [], "tests": []}
    put(ours, "faults/summary.json", faults(met=True))
    put(ours, "by-hand/airflow.json", by_hand("airflow", 0.9))
    put(ours, "by-hand/dagster.json", by_hand("dagster", 0.8))
    put(out, "by-hand/airflow.json", by_hand("airflow", 1.1))
    found = external_results_of(out, ours)
    assert (found["faults"]["met"], found["faults"]["here"]) == (1, False)
    told = [(one["orchestrator"], one["wall"]["median"], one["here"]) for one in found["by_hand"]]
    assert told == [("airflow", 1.1, True), ("dagster", 0.8, False)]


def test_the_report_shows_both(tmp_path: Path) -> None:
    put(tmp_path, "faults/summary.json", faults(met=False))
    put(tmp_path, "by-hand/airflow.json", by_hand("airflow", 0.9, 1.02, 0.95))
    found = report_with(external_results_of(tmp_path, tmp_path / "none"))
    page = write_report(found, tmp_path).read_text(encoding="utf-8")
    assert "0 of 1 runs meet every goal" in page
    assert "a bug in &lt;validation&gt;" in page
    assert "✗ cause 0.75 s" in page
    assert "✗ no answer" in page
    assert '0.95 <span class="soft">0.90 – 1.02</span>' in page
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| a bug in &lt;validation&gt; | no: cause | no answer |" in text
    assert "| airflow | 20.0 | 20.0 | 0.95 (0.90 – 1.02) | 0.95 (0.90 – 1.02) |" in text


@pytest.mark.parametrize("name", ["airflow", "dagster", "prefect"])
def test_the_project_has_measured_every_side(name: str) -> None:
    kept = external_results_of(OURS / "none")
    assert report_with(kept)["beside"] == kept
    assert name in {one["orchestrator"] for one in kept["by_hand"]}
    assert {name, "local"} <= {one["orchestrator"] for one in kept["tests"]}
    assert len(kept["faults"]["rows"]) == 12
    assert all({name, "local"} <= set(row["on"]) for row in kept["faults"]["rows"])
