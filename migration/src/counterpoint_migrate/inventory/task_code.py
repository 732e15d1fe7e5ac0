"""The syntax trees of the code that a task runs: its function or operator class, and the helpers in the same file."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.values import Func, Partial, inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from counterpoint_migrate.inventory.inventory_model import Task

_Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = _Function | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Code:
    """Pieces of code of one file, and the full names of what the file imports."""

    nodes: tuple[ast.AST, ...]
    imports: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _File:
    """The definitions of a file: those at its top by name, and all functions by name."""

    top: Mapping[str, Definition]
    functions: Mapping[str, Sequence[_Function]]
    imports: Mapping[str, str]


_NOTHING = Code((), {})
_PROSE = {"doc", "doc_md", "doc_json", "doc_yaml", "doc_rst", "description"}


class TaskCode:
    """Finds the code of the tasks of a folder; a file is parsed once, when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, _File] = {}
        self._codes: dict[ast.AST, Code] = {}

    def of(self, task: Task) -> Code:
        """What a task runs, as far as it lies in the folder."""
        func = _function(task)
        if func is not None:
            return self._whole(func.node, self._file(func.module.path))
        beside = task.arguments.get("python_callable_file")
        if isinstance(beside, str) and task.callable is not None:
            file = self._file(self._below(beside))
            named = file.functions.get(task.callable, ())
            return self._whole(named[0], file) if len(named) == 1 else _NOTHING
        if task.module.endswith(".py"):
            file = self._file(task.module)
            definition = file.top.get(task.operator)
            return _NOTHING if definition is None else self._whole(definition, file)
        if task.callable is None:
            return _NOTHING
        file = self._file(task.place.rpartition(":")[0])
        named = file.functions.get(task.callable, ())
        return self._whole(named[0], file) if len(named) == 1 else _NOTHING

    def _below(self, path: str) -> str:
        """The path in the folder that a path of another machine means: its longest end that is there."""
        parts = [part for part in path.split("/") if part]
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        return next((end for end in ends if (self.folder / end).is_file()), path.lstrip("/"))

    def _whole(self, node: ast.AST, file: _File) -> Code:
        """A piece of code with all definitions at the top of its file that it names, directly or not."""
        if node not in self._codes:
            nodes: dict[ast.AST, None] = {}
            stack = [node]
            while stack:
                current = stack.pop()
                if current in nodes:
                    continue
                nodes[current] = None
                names = (inner.id for inner in ast.walk(current) if isinstance(inner, ast.Name))
                stack += [definition for name in names if (definition := file.top.get(name)) is not None]
            own: dict[str, str] = {}
            for inner in nodes:
                own |= _imports(inner)
            self._codes[node] = Code(tuple(nodes), {**file.imports, **own})
        return self._codes[node]

    def _file(self, path: str) -> _File:
        if path not in self._files:
            try:
                tree = ast.parse((self.folder / path).read_bytes())
            except (OSError, SyntaxError, ValueError, RecursionError):
                tree = ast.Module([], [])
            self._files[path] = _read(tree)
        return self._files[path]


def templates_of(task: Task) -> Iterator[str]:
    """The templates of a task as they are written, and the texts of the files that it names."""
    for name, value in task.arguments.items():
        if name not in _PROSE:
            yield from (text for text in inside(value) if isinstance(text, str) and ("{{" in text or "{%" in text))
    yield from task.uses.files.values()


def _function(task: Task) -> Func | None:
    given = task.code if task.code is not None else task.arguments.get("python_callable")
    while isinstance(given, Partial):
        given = given.callee
    return given if isinstance(given, Func) else None


def _read(tree: ast.Module) -> _File:
    top = {node.name: node for node in tree.body if isinstance(node, Definition) and not _is_dag(node)}
    functions: dict[str, list[_Function]] = {}
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            functions.setdefault(node.name, []).append(node)
    return _File(top, functions, _imports(ast.Module([node for node in tree.body if _may_import(node)], [])))


def _is_dag(node: Definition) -> bool:
    """Whether it is decorated as a DAG: what is in it is other tasks' code."""
    names = (decorator.func if isinstance(decorator, ast.Call) else decorator for decorator in node.decorator_list)
    return any(getattr(name, "id", getattr(name, "attr", "")) == "dag" for name in names)


def _may_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Try | ast.If)


def _imports(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
    return found
