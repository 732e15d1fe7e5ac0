"""What pages and sources name exists: modules and objects of the product on pages, and pages in all sources."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import griffe
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from rooms import packages, sources

DOCS = ROOT / "docs"
# decisions name what the code of their day was called
PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8")
    for page in (*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
    if page.parent.name != "decisions"
}
DOTTED = re.compile(r"`((?:counterpoint|streamrec)\w*(?:\.\w+)+)")
# groups of entry points, a logger, a file, and tags of MLflow, which are called like modules
OTHER = {
    "counterpoint.adapters",
    "counterpoint.commands",
    "counterpoint.examples",
    "counterpoint.hooks",
    "counterpoint.model_formats",
    "counterpoint.pipelines",
    "counterpoint.promoted_at",
    "counterpoint.promoted_by",
    "counterpoint.rolled_back_at",
    "counterpoint.rolled_back_by",
    "counterpoint.secrets",
    "counterpoint.serving",
    "counterpoint.toml",
}
PAGE = re.compile(r"(?<![\w/.-])docs/[\w/.-]+\.md\b")


def named() -> list[tuple[str, str]]:
    dotted = {(page, name) for page, text in PAGES.items() for name in DOTTED.findall(text)}
    return sorted((page, name) for page, name in dotted if name not in OTHER)


def imported() -> list[tuple[str, str]]:
    """What the examples of pages import from the product."""
    blocks = [
        (page, block)
        for page, text in PAGES.items()
        for block in re.findall(r"^```python[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    return sorted(
        (page, f"{node.module}.{alias.name}")
        for page, block in blocks
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in packages()
        for alias in node.names
    )


@cache
def package(name: str) -> Any:
    """A package as its files say, without importing it: an adapter's needs its orchestrator."""
    return griffe.load(name, search_paths=[str(folder) for folder in sources()], resolve_aliases=True)


@pytest.mark.parametrize(("page", "name"), [*named(), *imported()])
def test_a_name_on_a_page_exists(page: str, name: str) -> None:
    first, _, rest = name.partition(".")
    assert first in packages(), f"{page}: there is no package {first}"
    place = package(first)
    for part in rest.split("."):
        assert part in place.all_members, f"{page}: {name} does not exist"
        place = place.all_members[part]


def test_pages_name_modules() -> None:
    assert len(named()) > 20
    assert len(imported()) > 10


def test_pages_that_are_named_exist() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    texts = {file: file.read_bytes() for file in files if file.is_file()}
    missing = {
        f"{file.relative_to(ROOT)}: {name}"
        for file, content in texts.items()
        if b"\0" not in content
        for name in PAGE.findall(content.decode("utf-8"))
        if not (ROOT / name).exists()
    }
    assert sorted(missing) == []
