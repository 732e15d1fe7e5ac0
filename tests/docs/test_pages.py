"""Every command that a page of the documentation shows is one that the command line takes; its examples run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from counterpoint.cli.main import parser

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs").glob("*.md"))
TEXT = {page.name: page.read_text(encoding="utf-8") for page in PAGES}


def fenced(page: str, language: str = r"\w*") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT[page], re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    found = []
    for page, text in TEXT.items():
        lines = [line.removeprefix(".venv/bin/") for block in fenced(page) for line in block.splitlines()]
        inline = re.findall(r"`(counterpoint [a-z]+ [^`…]+)`", text)
        shown = [line.partition("#")[0] for line in lines if line.startswith("counterpoint ")] + inline
        found += [(page, re.sub(r"\[.*?\]", "", one).strip()) for one in shown]
    return sorted(set(found))


def test_the_pages_show_commands() -> None:
    assert len(commands()) > 30
    assert {page for page, _ in commands()} == set(TEXT)


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_is_taken(page: str, command: str) -> None:
    words = shlex.split(command)[1:]
    if words == ["run", "--json"]:
        return  # the name of what it prints
    assert parser().parse_args(words).command == words[0]


def test_the_example_of_waiting() -> None:
    (example,) = fenced("waiting.md", "python")
    names: dict[str, Any] = {}
    exec(compile(example, "waiting.md", "exec"), names)  # noqa: S102 - the page's own example
    assert names["marker"]("s3://lake/{partition}/_SUCCESS").of("2026-01-07") == "marker s3://lake/2026-01-07/_SUCCESS"
