"""Python source of values and calls, laid out as formatters do: on one line where it fits, else an item a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDTH, _INDENT = 88, 4
_AROUND = {list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), frozenset: ("{", "}")}


@dataclass(frozen=True, slots=True)
class Code:
    """Source that stands as it is: a name, or an expression."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function with values as its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


def call(name: str, /, *arguments: Any, **keywords: Any) -> Call:
    """A call: `call("DAG", "fraud", catchup=False)`."""
    return Call(name, arguments, keywords)


def imported(module: str, names: Iterable[str]) -> str:
    """The import of names from a module, in the order of import sorters: constants, classes, functions."""
    ordered = sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"{' ' * _INDENT}{name}," for name in ordered), ")"])


def statement(before: str, value: Any, after: str = "", *, indent: int = 0) -> str:
    """A statement that holds one value.

    Args:
        before: What stands before the value, such as `name = `.
        value: A JSON value, tuple, set, timedelta, datetime (UTC), `Code` or `Call`.
        after: What stands behind it.
        indent: By how many columns the statement is indented; its first line is returned with that indent.
    """
    pad = " " * indent
    text = _source(value, indent, len(pad) + len(before), len(after))
    return f"{pad}{before}{text}{after}"


def _source(value: Any, indent: int, before: int, after: int) -> str:
    short = _inline(value)
    if "\n" not in short and before + len(short) + after <= _WIDTH:
        return short
    opened, items, closed = _parts(value)
    if not items:
        return short
    inner = indent + _INDENT
    lines = [f"{' ' * inner}{name}{_source(item, inner, inner + len(name), 1)}," for name, item in items]
    return "\n".join([opened, *lines, f"{' ' * indent}{closed}"])


def _inline(value: Any) -> str:
    opened, items, closed = _parts(value)
    if not opened:
        return _plain(value)
    inner = ", ".join(f"{name}{_inline(item)}" for name, item in items)
    single = isinstance(value, tuple) and len(items) == 1
    return f"{opened}{inner}{',' if single else ''}{closed}"


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """How a value opens, its items with what stands before each, and how it closes; a plain value has none."""
    items: list[tuple[str, Any]] = []
    match value:
        case Call():
            items = [("", item) for item in value.arguments]
            items += [(f"{name}=", item) for name, item in value.keywords.items()]
            around = (f"{value.name}(", ")")
        case timedelta():
            items, around = [("", Code(f"seconds={_seconds(value)}"))], ("timedelta(", ")")
        case datetime():
            numbers = value.timetuple()[: 5 if value.hour or value.minute else 3]
            items, around = [*(("", number) for number in numbers), ("", Code("tzinfo=UTC"))], ("datetime(", ")")
        case Mapping():
            items, around = [(f"{_plain(name)}: ", item) for name, item in value.items()], ("{", "}")
        case list() | tuple() | set() | frozenset() if isinstance(value, list | tuple) or value:
            ordered = sorted(value) if isinstance(value, set | frozenset) else value
            items, around = [("", item) for item in ordered], _AROUND[type(value)]
        case _:
            around = ("", "")
    return around[0], items, around[1]


def _plain(value: Any) -> str:
    if isinstance(value, Code):
        return value.text
    if not isinstance(value, str):
        return repr(value)
    quoted = json.dumps(value, ensure_ascii=False)
    if value.count('"') > value.count("'"):
        # as formatters quote: with the sign that needs fewer escapes
        inner = quoted[1:-1].replace('\\"', '"').replace("'", "\\'")
        quoted = f"'{inner}'"
    return quoted if _is_python(quoted, value) else repr(value)


def _is_python(quoted: str, value: str) -> bool:
    """Whether the JSON form of a text is the same text in Python."""
    import ast

    try:
        return bool(ast.literal_eval(quoted) == value)
    except (SyntaxError, ValueError):
        return False


def _seconds(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return str(int(seconds)) if seconds == int(seconds) else repr(seconds)
