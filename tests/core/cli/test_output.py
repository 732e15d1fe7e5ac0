"""Answers go to stdout, messages to stderr; what is no terminal gets all of it; common options stand anywhere."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.cli.commands import ORDER as COMMANDS
from counterpoint.cli.output import table
from counterpoint.cli.parser import parser

if TYPE_CHECKING:
    from pathlib import Path

LONG = "a_name_that_no_terminal_has_the_room_for_" * 12


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "counterpoint", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **more})


@pytest.mark.parametrize("words", [("pipelines",), ("show", "streamrec"), ("status", "streamrec"), ("alerts", "list")])
def test_an_answer_for_people_goes_to_stdout(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(*words, COUNTERPOINT_ROOT=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


@pytest.mark.parametrize("columns", ["20", "80"])
def test_what_is_no_terminal_is_never_cut(tmp_path: Path, columns: str) -> None:
    (tmp_path / "dags").mkdir()
    dag = f'from airflow import DAG\nwith DAG("{LONG}"):\n    pass\n'
    (tmp_path / "dags" / "long.py").write_text(dag, encoding="utf-8")
    done = run("migrate", "inventory", str(tmp_path / "dags"), COLUMNS=columns)
    assert done.returncode == 0, done.stderr
    assert LONG in done.stdout


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=300), min_size=1, max_size=9)
)
def test_every_cell_stands_on_one_line(cells: list[str]) -> None:
    held = sys.stdout
    sys.stdout = told = io.StringIO()
    try:
        table("cells", [f"c{n}" for n in range(len(cells))], [cells])
    finally:
        sys.stdout = held
    (row,) = [line for line in told.getvalue().splitlines() if line.startswith("│")]
    assert [cell.strip() for cell in row.strip("│").split(" │ ")] == [cell.strip() for cell in cells] or all(
        cell in row for cell in cells
    )


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "migrate"])
def test_common_options_stand_before_and_behind(command: str) -> None:
    more = {
        "pipelines": (),
        "watch": (),
        "compare": ("streamrec",),
        "advise": (),
        "doctor": (),
        "alerts": ("list",),
        "models": ("list", "streamrec"),
        "run": ("streamrec", "--date", "2026-01-07"),
        "retry": ("streamrec", "--run", "r"),
        "diff": ("a", "b"),
        "dlq": ("list", "streamrec"),
        "up": ("airflow",),
        "completion": ("bash",),
        "down": ("airflow",),
        "build": ("streamrec", "--target", "airflow", "--out", "deploy"),
        "approve": ("run", "step"),
        "deploy": (),
    }.get(command, ("streamrec",))
    common = ("--root", "here", "--json", "--quiet", "-v")
    before = parser().parse_args([*common, command, *more])
    behind = parser().parse_args([command, *more, *common])
    assert vars(before) == vars(behind)
    assert (before.root, before.json, before.quiet, before.verbose) == ("here", True, True, True)
    neither = parser().parse_args([command, *more])
    assert (neither.json, neither.quiet, neither.verbose) == (False, False, False)


def test_the_option_behind_the_command_counts() -> None:
    assert parser().parse_args(["--root", "a", "pipelines", "--root", "b"]).root == "b"
    words = ["--json", "migrate", "inventory", "dags", "--root", "c"]
    assert (parser().parse_args(words).root, parser().parse_args(words).json) == ("c", True)


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "counterpoint", "pipelines"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path) as writer:
        assert writer.stdout
        assert writer.stderr
        writer.stdout.close()
        assert writer.stderr.read() == ""


def test_verbose_shows_where_an_error_was_raised() -> None:
    for words in (("-v", "show", "streamrek"), ("show", "streamrek", "--verbose")):
        done = run(*words)
        assert done.returncode == 2
        assert "Traceback" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("counterpoint: no pipeline is called")
    assert "Traceback" not in run("show", "streamrek").stderr


def test_with_json_stdout_is_one_document(tmp_path: Path) -> None:
    for left, right in (("a.csv", "a.csv"), ("a.csv", "b.csv")):
        (tmp_path / "a.csv").write_text("id,x\n1,2\n", encoding="utf-8")
        (tmp_path / "b.csv").write_text("id,x\n1,3\n", encoding="utf-8")
        done = run("--json", "diff", str(tmp_path / left), str(tmp_path / right))
        assert json.loads(done.stdout)["equal"] is (left == right)
        assert ("equal" if left == right else "different") in done.stderr
