"""What is imported by what: beyond the contracts of import-linter, which `tox -e lint` keeps."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAVY = ("polars", "pandera", "torch", "mlflow", "pyarrow", "deltalake", "httpx", "airflow", "dagster", "prefect")


def imported(file: Path) -> Iterator[str]:
    """The top-level names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_the_model_is_of_the_standard_library(root: Path) -> None:
    allowed = sys.stdlib_module_names | {"counterpoint"}
    model = (root / "core/counterpoint/src/counterpoint/model").rglob("*.py")
    strangers = {file.name: sorted(set(imported(file)) - allowed) for file in model}
    assert {name: modules for name, modules in strangers.items() if modules} == {}


def taken_from_own_room(file: Path, root: Path) -> Iterator[str]:
    """The names that a file imports from the `__init__` of a room that it is in."""
    inside = file.relative_to(root).parts
    parts = inside[inside.index("src") + 1 :] if "src" in inside else ()
    rooms = {".".join(parts[:depth]): file.parents[len(parts) - depth - 1] for depth in range(2, len(parts))}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in rooms:
            room = rooms[node.module]
            modules = {path.stem for path in room.iterdir()}
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name not in modules)


def test_no_module_takes_a_name_from_the_room_that_it_is_in(root: Path, product: list[Path]) -> None:
    # such a cycle is none for import-linter, which compares the modules of a room, but not its `__init__` with them
    taken = {file.name: list(taken_from_own_room(file, root)) for file in product}
    assert {name: names for name, names in taken.items() if names} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "import counterpoint.model",
        "import counterpoint.adapter",
        "import counterpoint.http, counterpoint_migrate.validate.legacyairflow",
        "import counterpoint.bridging.airflow, counterpoint.bridging.dagster",
        "import streamrec.pipeline",
        "from counterpoint.cli.parser import parser; parser().format_help()",
    ],
)
def test_asking_what_there_is_loads_nothing_heavy(statement: str) -> None:
    code = f"import sys; {statement}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert sorted(set(modules).intersection(HEAVY)) == []
