"""No room but an adapter's own lists the orchestrators: it takes those whose adapters are there."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = {"airflow", "dagster", "prefect"}
# what is about these very three: evidence of the advice, pipelines by hand, how long their imports take
ABOUT_THEM = (
    "benchmarks/src/counterpoint_compare/advice/compared.py",
    "benchmarks/src/counterpoint_compare/code_excerpts.py",
    "benchmarks/src/counterpoint_compare/tour/__main__.py",
)


def lists(file: Path) -> Iterator[int]:
    """The lines where more than one orchestrator is named at once, as elements, as keys, or in a word with commas."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            named = {one.value for one in node.elts if isinstance(one, ast.Constant)}
        elif isinstance(node, ast.Dict):
            named = {one.value for one in node.keys if isinstance(one, ast.Constant)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "," in node.value:
            named = set(node.value.split(","))
        else:
            continue
        if len(NAMES & named) > 1:
            yield node.lineno


def test_orchestrators_are_listed_nowhere(root: Path) -> None:
    rooms = [root / room for room in ("core", "benchmarks/src", "migration/src")]
    files = {file.relative_to(root).as_posix(): file for room in rooms for file in room.rglob("*.py")}
    found = {name: list(lists(file)) for name, file in files.items() if name not in ABOUT_THEM}
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert all(list(lists(files[name])) for name in ABOUT_THEM), "an exception that is none any more"
