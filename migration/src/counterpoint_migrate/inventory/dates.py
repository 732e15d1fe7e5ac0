"""Where code and templates ask for the interval or the execution date of their run."""

from __future__ import annotations

import ast
import re
from itertools import chain
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.task_code import templates_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint_migrate.inventory.inventory_model import Task
    from counterpoint_migrate.inventory.task_code import TaskCode

_MACROS = "ds|ts|execution_date|logical_date|data_interval_start|data_interval_end"
_NAME = re.compile(rf"(?:(?:prev|next|yesterday|tomorrow)_)?(?:{_MACROS})(?:_(?:nodash|success))*(?:_with_tz)?")
_IN_BRACES = re.compile(rf"\{{[{{%][^{{}}]*?(?<![\w.])({_NAME.pattern})\b")
_OF_A_RUN = re.compile(
    r"\{[{%][^{}]*?\b(?:dag_run|ti|task_instance)\.(execution_date|logical_date|data_interval_(?:start|end))\b"
)
_OF_RUNS = {"execution_date", "logical_date", "data_interval_start", "data_interval_end"}
_RUNS = {"ti", "task_instance", "dag_run", "dagrun"}


def date_of(task: Task, code: TaskCode) -> str | None:
    """The first name of such a date that a task uses; None where nothing shows one."""
    for text in templates_of(task):
        if match := _IN_BRACES.search(text) or _OF_A_RUN.search(text):
            return match[1]
    nodes = code.of(task).nodes
    parameters = (name for node in nodes[:1] for name in _parameters(node))
    return next(chain(parameters, (name for node in nodes for name in _names(node))), None)


def _parameters(node: ast.AST) -> Iterator[str]:
    """Parameters that Airflow fills in."""
    arguments = getattr(node, "args", None)
    if isinstance(arguments, ast.arguments):
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        yield from (argument.arg for argument in every if _NAME.fullmatch(argument.arg))


def _names(node: ast.AST) -> Iterator[str]:
    """What is taken out of a context, and dates of a run."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Subscript):
            yield from _text(inner.slice)
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "get":
            yield from (name for argument in inner.args[:1] for name in _text(argument))
        elif isinstance(inner, ast.Attribute) and _NAME.fullmatch(inner.attr) and _is_run(inner.value, inner.attr):
            yield inner.attr


def _is_run(node: ast.AST, attribute: str) -> bool:
    """Whether it is the run or the task instance: by its name, or taken out of a context by that.

    An object of any name has one of the dates that only those have, unless it is a class (a column of a table).
    """
    if attribute in _OF_RUNS and isinstance(node, ast.Name):
        return not node.id[:1].isupper()
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=name)):
            return name in _RUNS
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=name), *_]):
            return name in _RUNS
    return False


def _text(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
        yield node.value
