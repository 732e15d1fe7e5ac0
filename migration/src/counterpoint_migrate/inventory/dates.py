"""Where code and templates ask for the interval or the execution date of their run."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.values import Func, Partial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from counterpoint_migrate.inventory.inventory_model import Task

_MACROS = "ds|ts|execution_date|logical_date|data_interval_start|data_interval_end"
_NAME = re.compile(rf"(?:(?:prev|next|yesterday|tomorrow)_)?(?:{_MACROS})(?:_(?:nodash|success))*(?:_with_tz)?")
_IN_BRACES = re.compile(rf"\{{[{{%][^{{}}]*?(?<![\w.])({_NAME.pattern})\b")


class Dates:
    """Finds them in the tasks of a folder; a file is parsed once, when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, dict[str, ast.AST]] = {}
        self._found: dict[ast.AST, str | None] = {}

    def of(self, task: Task) -> str | None:
        """The first name of such a date that a task uses; None where nothing shows one."""
        for text in task.uses.templates.values():
            if match := _IN_BRACES.search(text):
                return match[1]
        node = self._code(task)
        if node is None:
            return None
        if node not in self._found:
            self._found[node] = next(_names(node), None)
        return self._found[node]

    def _code(self, task: Task) -> ast.AST | None:
        given = task.arguments.get("python_callable")
        while isinstance(given, Partial):
            given = given.callee
        if isinstance(given, Func):
            return given.node
        file = task.place.rpartition(":")[0]
        return self._functions(file).get(task.callable) if task.callable else None

    def _functions(self, file: str) -> dict[str, ast.AST]:
        if file not in self._files:
            try:
                tree = ast.parse((self.folder / file).read_bytes())
            except (OSError, SyntaxError, ValueError, RecursionError):
                tree = ast.Module([], [])
            named = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
            self._files[file] = {node.name: node for node in named}
        return self._files[file]


def _names(node: ast.AST) -> Iterator[str]:
    """Parameters that Airflow fills in, and what is taken out of a context."""
    arguments = getattr(node, "args", None)
    if isinstance(arguments, ast.arguments):
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        yield from (argument.arg for argument in every if _NAME.fullmatch(argument.arg))
    for inner in ast.walk(node):
        if isinstance(inner, ast.Subscript):
            yield from _text(inner.slice)
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "get":
            yield from (name for argument in inner.args[:1] for name in _text(argument))


def _text(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
        yield node.value
