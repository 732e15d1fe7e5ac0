"""Two runs: steps, code by function, configuration, inputs by distribution, metrics."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from grove import run

from counterpoint.diff.changes import function_changes
from counterpoint.diff.lines import lines_changed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., tuple[int, Any, str]]

DAYS = ("2026-01-01", "2026-01-02")
SOURCE = {"digest": "a", "file": "grove.py", "functions": {"grow": "1", "cut": "2"}}
REACH = {"trees": {"modules": ["grove"], "versions": {}}, "sum": {"modules": [], "versions": {}}}


def trees(*kinds: str, height: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame({"kind": kinds, "height": [height + number / 10 for number in range(len(kinds))]})


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "root")


def changes(command: Command, expected: int = 4) -> Any:
    code, document, told = command("left", "right")
    assert code == expected, told
    return document["changes"]


def test_runs_of_the_same_have_no_changes(root: str, command: Command) -> None:
    for name in ("left", "right"):
        run(root, name, dict.fromkeys(DAYS, trees("oak", "fir")), 1.0)
    assert changes(command, 0) == {
        "steps": {"added": [], "removed": []},
        "code": {"functions": [], "lines": None, "note": None},
        "configuration": [],
        "inputs": [],
        "metrics": [],
        "unknown": [],
    }


def test_steps_settings_and_metrics_are_named(root: str, command: Command) -> None:
    days = dict.fromkeys(DAYS, trees("oak"))
    run(root, "left", days, 1.0, code={"trees": "sha256:0", "old": "sha256:0"})
    run(root, "right", days, 2.0, code={"trees": "sha256:0", "new": "sha256:0"}, config={"rate": 5})
    found = changes(command)
    assert found["steps"] == {"added": ["new"], "removed": ["old"]}
    assert found["configuration"] == [{"name": "rate", "left": 1, "right": 5, "change": "changed"}]
    assert found["metrics"] == [{"step": "sum", "metric": "total", "left": 1.0, "right": 2.0}]


def test_a_secret_that_changed_is_told_without_its_value(root: str, command: Command) -> None:
    run(root, "left", dict.fromkeys(DAYS, trees("oak")), 1.0)
    run(root, "right", dict.fromkeys(DAYS, trees("oak")), 1.0, configuration_hash="sha256:other")
    assert changes(command, 0)["unknown"] == ["configuration: a setting that is a secret differs"]


def test_code_is_named_by_function_and_by_the_steps_that_reach_it(root: str, command: Command) -> None:
    days = dict.fromkeys(DAYS, trees("oak"))
    run(root, "left", days, 1.0, sources={"grove": SOURCE}, reach=REACH)
    after = {**SOURCE, "digest": "b", "functions": {"grow": "9", "plant": "3"}}
    run(root, "right", days, 1.0, sources={"grove": after}, reach=REACH)
    named = [(each["function"], each["change"], each["steps"]) for each in changes(command, 0)["code"]["functions"]]
    assert named == [("cut", "removed", ["trees"]), ("grow", "changed", ["trees"]), ("plant", "added", ["trees"])]


def test_inputs_are_compared_by_rows_and_distribution_where_digests_differ(root: str, command: Command) -> None:
    run(root, "left", dict.fromkeys(DAYS, trees("oak", "oak", "fir")), 1.0)
    run(root, "right", {DAYS[0]: trees("oak", "oak", "fir"), DAYS[1]: trees(*["elm"] * 9, height=8.0)}, 1.0)
    (found,) = changes(command)["inputs"]
    assert (found["step"], found["rows"]) == ("trees", {"left": 6, "right": 12})
    assert found["partitions"] == {"changed": [DAYS[1]], "only_left": [], "only_right": []}
    told = {each["column"]: (each["measure"], each["limit"], each["drifted"]) for each in found["columns"]}
    assert told["kind"] == ("psi", 0.2, True)
    assert told["height"] == ("ks", 0.1, True)


def test_a_schema_that_changed_is_told(root: str, command: Command) -> None:
    run(root, "left", dict.fromkeys(DAYS, trees("oak")), 1.0)
    run(root, "right", {DAYS[0]: trees("oak"), DAYS[1]: trees("oak").with_columns(age=pl.lit(4))}, 1.0)
    (found,) = changes(command)["inputs"]
    assert found["schema"] == {"only_left": [], "only_right": ["age"], "types": []}


def test_a_run_without_lineage_is_said_to_be_unknown(root: str, command: Command) -> None:
    run(root, "left", dict.fromkeys(DAYS, trees("oak")), 1.0, lineage=False)
    run(root, "right", dict.fromkeys(DAYS, trees("oak")), 1.0)
    assert changes(command, 0)["unknown"] == ["code, configuration and inputs: run left has no lineage"]


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        (SOURCE, SOURCE, []),
        (SOURCE, {**SOURCE, "digest": "b"}, [(None, "changed")]),
        (None, SOURCE, [("cut", "added"), ("grow", "added")]),
        ({**SOURCE, "functions": {}}, None, [(None, "removed")]),
    ],
)
def test_how_a_module_changed(left: Any, right: Any, told: list[tuple[str | None, str]]) -> None:
    assert [(each["function"], each["change"]) for each in function_changes("m", left, right)] == told


def test_the_lines_are_shown_where_both_commits_are_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    commits = []
    subprocess.run([*git, "init", "-q"], check=True)
    for number in (1, 2):
        (tmp_path / "grove.py").write_text(f"age = {number}\n")
        (tmp_path / "other.py").write_text(f"age = {number}\n")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", str(number)], check=True)
        commits.append(subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout)
    monkeypatch.setattr("counterpoint.diff.lines._checkout", lambda _: tmp_path)
    sides = [
        {"git": {"commit": commit.strip(), "dirty": dirty}, "pipeline": "p", "run_id": "r", "sources": {"g": SOURCE}}
        for commit, dirty in zip(commits, (False, True), strict=True)
    ]
    lines, note = lines_changed(*sides)
    assert lines is not None
    assert "-age = 1\n+age = 2\n" in lines
    assert "other.py" not in lines
    assert "uncommitted changes of r" in str(note)
    missing = {**sides[0], "git": {"commit": "0" * 40, "dirty": False}}
    assert lines_changed(missing, sides[1])[0] is None
