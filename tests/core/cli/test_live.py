"""Progress: a view in place on a terminal, a line per event with its time elsewhere; it says what is so."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from counterpoint import progress
from counterpoint.cli.live import Grid
from counterpoint.model import ArtifactRef, NativeStep, Status
from counterpoint.progress import StepState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    OnTerminal = Callable[..., tuple[int, str]]

WORD = st.text("abcdef_", min_size=1, max_size=8)
ENDED = ("success", "failed", "skipped", "upstream_failed")
STATES = st.sampled_from(("planned", "running", *ENDED))
FARM = """
from counterpoint.model import Output, OutputKind, Pipeline, step

def first(partition):
    return partition.start.day

def second(first):
    raise ValueError("no [bold]second[/bold]")

VALUE = Output(OutputKind.VALUE)
pipeline = Pipeline("acreage", (
    step("acreage:first", output=VALUE), step("acreage:second", output=VALUE)))
"""
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S.*")


@given(st.lists(st.tuples(st.sampled_from(["2026-01-01", "2026-01-02", "2026-01-03"]), WORD, STATES), min_size=1))
def test_the_view_counts_what_is_told(events: list[tuple[str, str, str]]) -> None:
    grid, last = Grid(), dict[tuple[str, str], str]()
    for partition, step, state in events:
        grid.take([StepState(partition, step, state)])
        if state != "planned" or (partition, step) not in last:
            last[partition, step] = state
    states = list(last.values())
    done = sum(state in ENDED for state in states)
    said = grid.summary()
    assert said.startswith(f"{done} of {len(states)} steps, ")
    for word in ("running", "failed"):
        counted = re.search(rf"(\d+) {word}", said)
        assert (int(counted[1]) if counted else 0) == states.count(word)
    assert ("left" in said) == (0 < done < len(states))
    console = Console(file=io.StringIO(), width=200)
    console.print(grid)
    assert said in console.file.getvalue()  # type: ignore[attr-defined]


def test_of_one_partition_rows_and_seconds_are_shown() -> None:
    grid = Grid()
    grid.take([StepState("2026-01-01", "raw", "success", 12345, 3.21), StepState("2026-01-01", "model", "running")])
    console = Console(file=io.StringIO(), width=100)
    console.print(grid)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[1].split() == ["■", "raw", "success", "12,345", "3.2"]
    assert lines[2].split()[:3] == ["▶", "model", "running"]


def test_an_end_is_a_line_with_rows_and_seconds() -> None:
    log, told = logging.getLogger("progress-of-a-test"), list[logging.LogRecord]()
    log.setLevel(logging.DEBUG)
    handler = logging.Handler()
    handler.emit = told.append  # type: ignore[method-assign]
    log.addHandler(handler)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    native = NativeStep(Status.SUCCESS, 1, start.isoformat(), (start + timedelta(seconds=2.5)).isoformat())
    parts = [ArtifactRef("raw", "2026-01-01", "table", "u", 0, rows, 1, "d") for rows in (1000, 234)]
    progress.plan(log, [("2026-01-01", "raw")])
    progress.start(log, "2026-01-01", "raw")
    progress.end(log, "2026-01-01", "raw", native, parts)
    assert [(one.levelno, one.getMessage()) for one in told] == [
        (logging.DEBUG, "2026-01-01 raw planned"),
        (logging.DEBUG, "2026-01-01 raw running"),
        (logging.INFO, "2026-01-01 raw success, 1,234 rows, 2.5 s"),
    ]


def test_without_a_terminal_each_event_is_a_line_with_its_time(tmp_path: Path) -> None:
    (tmp_path / "acreage.py").write_text(FARM, encoding="utf-8")
    words = ["run", "acreage:pipeline", "--date", "2026-01-07", "--root", "root"]
    command = [sys.executable, "-m", "counterpoint", *words]
    # a command of another test in this process may have left where it looked for its pipeline
    here = {name: value for name, value in os.environ.items() if name != "COUNTERPOINT_FOLDER"}
    done = subprocess.run(command, cwd=tmp_path, env=here, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    # what an alert says has several lines
    lines = [line for line in done.stderr.splitlines() if LINE.fullmatch(line)]
    told = [line.partition(" ")[2] for line in lines if " P0 acreage: " not in line]
    assert len(lines) == len(told) + 1 == 5
    assert told[0] == "local: acreage:pipeline of 2026-01-07"
    assert re.fullmatch(r"2026-01-07 first success, \d+\.\d s", told[1])
    assert told[2] == "second attempt 1 failed: ValueError: no [bold]second[/bold]"
    assert re.fullmatch(r"2026-01-07 second failed, \d+\.\d s", told[3])


def test_on_a_terminal_the_view_ends_before_the_answer(tmp_path: Path, on_terminal: OnTerminal) -> None:
    (tmp_path / "acreage.py").write_text(FARM, encoding="utf-8")
    code, said = on_terminal("run", "acreage:pipeline", "--date", "2026-01-07")
    assert code == 1
    assert said.count("\x1b[?25l") == said.count("\x1b[?25h") == 1, "the cursor is there again"
    view, answer = said.split("\x1b[?25h")
    assert "2 of 2 steps" in view
    assert "1 failed" in view
    assert "no [bold]second[/bold]" in view, "a message stands above the view"
    assert "attempts" in answer
    assert "success" in answer
