"""Inputs of other pipelines in the commands: plan, status, why, lineage, diff, reproduce, smoke, show, doctor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from counterpoint.cli.main import main

SCHEMAS = Path(__file__).parents[3] / "docs/schemas"
DAY = "2026-01-07"


def answer(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0, schema: str | None = None) -> Any:
    assert main([*words, "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    if schema:
        jsonschema.validate(told, json.loads((SCHEMAS / f"{schema}.schema.json").read_text(encoding="utf-8")))
    return told


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(Path(__file__).parent)
    return str(tmp_path / "root")


@pytest.fixture
def made(root: str, capsys: pytest.CaptureFixture[str]) -> str:
    """A root in which two days of the source and one of its reader stand; the reader's run."""
    for key in ("2026-01-06", DAY):
        answer(capsys, "run", "borders:market", "--date", key, "--root", root, schema="run")
    run_id: str = answer(capsys, "run", "borders:desk", "--date", DAY, "--root", root, schema="run")["run_id"]
    return run_id


def test_the_plan_names_what_is_missing_elsewhere(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer(capsys, "run", "borders:market", "--date", "2026-01-05", "--root", root)
    asked = ("backfill", "borders:desk", "--from", "2026-01-05", "--to", "2026-01-06", "--dry-run", "--root", root)
    plan = answer(capsys, *asked)
    (missing,) = plan["external"]
    assert (missing["pipeline"], missing["step"], missing["partition"]) == ("market", "trades", "2026-01-06")
    assert missing["needed_by"] == ["twice 2026-01-06", "total 2026-01-06"]
    assert missing["command"] == f"counterpoint run borders:market --date 2026-01-06 --root {root}"
    (item,) = [item for item in plan["checklist"] if item["item"] == "inputs of other pipelines"]
    assert item["ok"] is False
    assert missing["command"] in item["says"]
    answer(capsys, *missing["command"].split()[1:])
    assert answer(capsys, *asked)["external"] == []


def test_a_plan_before_the_first_partition_says_so(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("backfill", "borders:last_week", "--from", "2026-01-11", "--to", "2026-01-12", "--dry-run")
    before, missing = answer(capsys, *asked, "--root", root)["external"]
    assert before["command"] is None
    assert "2025-12-29 lies before the pipeline's start" in before["note"]
    assert (missing["pipeline"], missing["partition"]) == ("weeks", "2026-01-05")


def test_why_names_the_command_that_makes_it(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    failed = answer(capsys, "run", "borders:desk", "--date", DAY, "--root", root, code=1)
    causes = answer(capsys, "why", failed["run_id"], "--root", root, schema="why")["causes"]
    assert {cause["failure"] for cause in causes} == {"missing_input"}
    assert all(f"counterpoint run borders:market --date {DAY}" in str(cause["error"]) for cause in causes)


def test_status_diff_and_lineage_see_what_changed(root: str, made: str, capsys: pytest.CaptureFixture[str]) -> None:
    def states() -> dict[str, str]:
        (row,) = answer(capsys, "status", "borders:desk", "--root", root, schema="status")["partitions"]
        return dict(row["steps"])

    assert set(states().values()) == {"fresh"}
    answer(capsys, "run", "borders:market", "--date", DAY, "--set", "scale=3", "--root", root)
    assert set(states().values()) == {"stale"}
    again = answer(capsys, "run", "borders:desk", "--date", DAY, "--root", root)["run_id"]
    before, after = (
        answer(capsys, "lineage", run, "--root", root, schema="lineage")["external_inputs"]["twice"]["amount"]
        for run in (made, again)
    )
    runs = [read["partitions"][DAY]["run_id"] for read in (before, after)]
    assert runs[0] != runs[1]
    told = answer(capsys, "diff", made, again, "--root", root, code=4, schema="diff")
    (read,) = told["changes"]["inputs"]
    assert read["step"] == "borders:market.trades"
    assert read["partitions"]["changed"] == [DAY]
    assert read["runs"] == {"left": [runs[0]], "right": [runs[1]]}
    assert read["note"] is None
    assert main(["diff", made, again, "--root", root]) == 4
    assert f"made by {runs[0]} left, {runs[1]} right" in capsys.readouterr().out


def test_reproduce_reads_what_was_recorded(root: str, made: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer(capsys, "run", "borders:market", "--date", DAY, "--set", "scale=3", "--root", root)
    told = answer(capsys, "reproduce", made, "--root", root, schema="reproduce")
    assert told["same"] is True, told


def test_a_smoke_test_reads_production_and_waits_for_nothing(
    root: str, made: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = answer(capsys, "smoke", "borders:desk", "--date", DAY, "--root", root, schema="smoke")
    assert told["status"] == "success", told
    assert told["not_awaited"] == []


def test_show_tells_of_it(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = answer(capsys, "show", "borders:desk", "--format", "json", schema="show")
    parameters = [wait["parameter"] for step in shown["steps"] for wait in step["waits"]]
    assert parameters == ["amount", "days"]
    assert main(["show", "borders:desk"]) == 0
    assert "reads borders:market.trades as days [t-1..t]" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["no_step", "left", "no_output"])
def test_a_pipeline_that_cannot_be_read_is_bad_usage(root: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("run", "--date", DAY), ("backfill", "--from", DAY, "--to", DAY)):
        assert main([words[0], f"borders:{name}", *words[1:], "--root", root]) == 2
        assert f"{name}.of_week" in capsys.readouterr().err
