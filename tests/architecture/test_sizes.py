"""Small files, small functions, thin adapters."""

from __future__ import annotations

import ast
import io
import tokenize
from statistics import median, quantiles
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_CAP, FILE_MEDIAN = 300, 120
FUNCTION_CAP, FUNCTION_MEDIAN, FUNCTION_NINTH = 40, 6, 20
ADAPTER_CAP, BACKFILL_CAP, FAILURE_CAP, MIGRATION_CAP = 500, 200, 150, 130
# what exists for backfills alone
BACKFILL = {"backfill.py", "waiting.py", "timetable.py", "plugin.py"}
# what exists for waiting, for deadlines, and for finding why something failed
FAILURE = {"waits.py", "causes.py", "deadlines.py"}
# what exists for teams that are on their way from one orchestrator to another
MIGRATION = {"bridges.py", "schedules.py"}
SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines_of(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def code_lines(source: str) -> set[int]:
    """The numbers of the lines that hold code: no blank ones, no comments, no docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node, clean=False) is not None:
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return lines


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Every function with the number of code lines in its body."""
    source = file.read_text(encoding="utf-8")
    code = code_lines(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            body = range(node.body[0].lineno, (node.end_lineno or 0) + 1)
            yield f"{file.name}:{node.lineno} {node.name}", len(code.intersection(body))


def test_files_are_short(files: list[Path]) -> None:
    long = {file.name: lines_of(file) for file in files if file.suffix == ".py" and lines_of(file) > FILE_CAP}
    assert not long, f"files of over {FILE_CAP} lines: {long}"


def test_the_median_file_is_short(product: list[Path]) -> None:
    sizes = [lines_of(file) for file in product if lines_of(file)]
    assert median(sizes) <= FILE_MEDIAN


def test_functions_are_short(product: list[Path]) -> None:
    long = {name: size for file in product for name, size in functions(file) if size > FUNCTION_CAP}
    assert not long, f"functions of over {FUNCTION_CAP} code lines: {long}"


def test_most_functions_are_very_short(product: list[Path]) -> None:
    sizes = [size for file in product for _, size in functions(file)]
    assert median(sizes) <= FUNCTION_MEDIAN
    assert quantiles(sizes, n=10)[-1] <= FUNCTION_NINTH


@pytest.mark.parametrize("name", ["airflow", "dagster", "prefect"])
def test_an_adapter_is_thin(root: Path, product: list[Path], name: str) -> None:
    files = [file for file in product if file.is_relative_to(root / "adapters" / name)]
    sizes = {file.name: len(code_lines(file.read_text(encoding="utf-8"))) for file in files}
    many = sum(size for file, size in sizes.items() if file in BACKFILL)
    failing = sum(size for file, size in sizes.items() if file in FAILURE)
    moving = sum(size for file, size in sizes.items() if file in MIGRATION)
    one = sum(sizes.values()) - many - failing - moving
    assert one <= ADAPTER_CAP, f"{name}: {one} lines of code to run a partition: {sizes}"
    assert failing <= FAILURE_CAP, f"{name}: {failing} lines of code for waiting and for causes: {sizes}"
    assert many <= BACKFILL_CAP, f"{name}: {many} lines of code for backfills: {sizes}"
    assert moving <= MIGRATION_CAP, f"{name}: {moving} lines of code for migrations: {sizes}"


def test_code_lines_leave_out_what_is_not_code() -> None:
    source = (
        '"""Docstring."""\n\nx = 1  # a comment\n# another\ny = """two\nlines"""\n'
        '\n\ndef f():\n    """Doc."""\n    return 1\n'
    )
    assert code_lines(source) == {3, 5, 6, 9, 11}
