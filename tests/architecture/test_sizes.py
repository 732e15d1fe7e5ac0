"""Small files and functions: most of them short, none unbounded; ruff limits the complexity of each function."""

from __future__ import annotations

import ast
import io
import tokenize
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_CAP, FILE_MEDIAN = 500, 120
FUNCTION_MEDIAN, FUNCTION_NINTH = 6, 20
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


def test_most_functions_are_very_short(product: list[Path]) -> None:
    sizes = [size for file in product for _, size in functions(file)]
    assert median(sizes) <= FUNCTION_MEDIAN
    assert quantiles(sizes, n=10)[-1] <= FUNCTION_NINTH


def test_code_lines_leave_out_what_is_not_code() -> None:
    source = (
        '"""Docstring."""\n\nx = 1  # a comment\n# another\ny = """two\nlines"""\n'
        '\n\ndef f():\n    """Doc."""\n    return 1\n'
    )
    assert code_lines(source) == {3, 5, 6, 9, 11}
