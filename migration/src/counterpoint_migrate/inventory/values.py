"""What an expression may be without running it: a constant, a name, a call that stays as it is written, or unknown."""

from __future__ import annotations

import ast
import math
import reprlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import ChainMap
    from collections.abc import Sequence

_LONGEST_TEXT = 200
_DEEPEST = 6  # of lists and dicts, which may hold themselves
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _LONGEST_TEXT
_LARGEST = 10**15  # such a number is no setting, and its text may be refused


@dataclass(frozen=True, slots=True, eq=False)
class Unknown:
    """What only running the code would tell."""

    node: ast.AST


@dataclass(frozen=True, slots=True)
class Ref:
    """Something imported from outside the folder, or built in, by its full name."""

    name: str

    @property
    def tail(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a call makes of something from outside the folder."""

    name: str
    args: Sequence[Any]
    keywords: dict[str, Any]
    node: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """An attribute of a value."""

    value: Any
    name: str
    node: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Func:
    """A function of the folder, with what it sees and what its decorators are."""

    name: str
    arguments: ast.arguments
    defaults: dict[str, Any]
    body: Sequence[ast.stmt]
    scope: ChainMap[str, Any]
    module: Any
    node: ast.AST
    decorator: tuple[str, dict[str, Any]] | None = None  # what Airflow makes of it, and the arguments for that


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class of the folder; `base` is the name of the first class it rests on that lies outside."""

    name: str
    base: str
    module: str
    keywords: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """Something to call with arguments given before: by functools, or by `.partial` and `.override` of a task."""

    callee: Any
    args: Sequence[Any]
    keywords: dict[str, Any]


def text_of(value: Any) -> str:
    """A value as it is written in Python, shortened."""
    if isinstance(value, Ref):
        return value.name
    node = getattr(value, "node", None)
    if node is None:
        named = getattr(value, "id", None) or getattr(value, "name", None)
        return str(named) if named else _REPR.repr(value)[:_LONGEST_TEXT]
    return source(node)


def source(node: ast.AST) -> str:
    """The source of a node on one line, shortened."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (ValueError, RecursionError):  # too many digits, or too deep
        return f"<{type(node).__name__}>"
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def known(value: Any) -> bool:
    """Whether it is a text, a number, a truth value or None."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < _LARGEST
    return value is None or isinstance(value, str)


def plain(value: Any, depth: int = 0) -> Any:
    """A JSON value: durations in seconds, and `{"expression": ...}` for what is not known."""
    if known(value):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return [plain(element, depth + 1) for element in value]
    if isinstance(value, dict) and depth < _DEEPEST:
        return {str(key): plain(element, depth + 1) for key, element in value.items()}
    return {"expression": text_of(value)}


def inside(value: Any) -> list[Any]:
    """The value itself, and all that lists, dicts and calls hold, outermost first."""
    found: list[Any] = []
    stack = [value]
    while stack and len(found) < 10_000:  # noqa: PLR2004 - lists may hold each other
        one = stack.pop()
        found.append(one)
        if isinstance(one, list | tuple):
            stack += one[::-1]
        elif isinstance(one, dict):
            stack += list(one.values())[::-1]
        elif isinstance(one, Made):
            stack += [*one.args, *one.keywords.values()][::-1]
    return found
