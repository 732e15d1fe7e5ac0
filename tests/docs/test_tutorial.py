"""The tutorial about a pipeline of one's own: its files are written and its commands typed, from start to end.

Commands for an orchestrator are read only (test_pages.py): this environment has none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/tutorial/first-pipeline.md"
BLOCK = re.compile(r'^( *)```(\w+)(?: title="([^"]+)")?\n(.*?)^\1```$', re.DOTALL | re.MULTILINE)
ELSEWHERE = (" --on ", "counterpoint up ")
FAILS = "# exit code 1"


def typed(line: str, place: Path) -> str:
    """What a line says in a shell; it ends as the page says."""
    program = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERPOINT_")}
    environment = {**bare, "PATH": program, "COLUMNS": "160"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == (1 if line.endswith(FAILS) else 0), f"{line}: {done.stderr[-3000:]}"
    return done.stdout + done.stderr


def test_the_tutorial_from_start_to_end(tmp_path: Path) -> None:
    told, said, skipped = dict[str, str](), list[tuple[str, list[str]]](), 0
    for _, language, title, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if title.endswith(".py"):
            (tmp_path / title).write_text(text, encoding="utf-8")
        elif language == "sh":
            for line in text.splitlines():
                if any(word in line for word in ELSEWHERE):
                    skipped += 1
                    continue
                told[line] = typed(line, tmp_path)
        elif language == "text":
            printed = "\n".join(told.values()).splitlines()
            said += [(line, printed) for line in text.splitlines()]
    assert skipped == 3
    shown = told["counterpoint show shop.pipeline:pipeline"]
    assert "critical path (3 steps): orders -> revenue -> best_sellers" in shown
    (read,) = [words for line, words in told.items() if line.startswith("python -c")]
    assert re.search(r"│ 1 +┆ tea +┆ 12\.5 ", read)
    (retried,) = [words for line, words in told.items() if line.startswith("counterpoint retry")]
    assert "5 steps run, 16 reused" in retried
    assert "promoted week; outputs 21;" in told["counterpoint backfill promote shop.pipeline:pipeline week"]
    assert [line for line, before in said if not any(shortens(line, other) for other in before)] == []


def shortens(line: str, other: str) -> bool:
    """Whether a line of the page is a line that was printed, perhaps with some of its words left out."""
    words = iter(other.split())
    return all(word in words for word in line.split())


def test_the_project_file_registers_the_pipeline() -> None:
    ((*_, text),) = [block for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if block[1] == "toml"]
    project = tomllib.loads(re.sub(r"^    ", "", text, flags=re.MULTILINE))["project"]
    assert project["entry-points"]["counterpoint.pipelines"] == {"shop": "shop.pipeline:pipeline"}
