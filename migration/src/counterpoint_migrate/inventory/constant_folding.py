"""Constants computed without running anything: texts joined and formatted, paths, durations, sequences."""

from __future__ import annotations

import ast
import operator
import posixpath
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.formats import formatted
from counterpoint_migrate.inventory.values import Bound, Func, Made, Unknown, known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST = 10_000  # characters of a text, elements of a list
_MOST_ITEMS = 1_000
# a width in a format that would make a text too long, or that is given apart
_WIDE_PERCENT = re.compile(r"%[^a-zA-Z%]*(?:\d{4}|\*)")
_WIDE_BRACES = re.compile(r"\{[^{}]*:[^{}]*(?:\d{4}|\{)")
_KINDS = {"lower", "upper", "strip", "lstrip", "rstrip", "title", "capitalize", "replace", "split", "format", "join"}
_KINDS |= {"removeprefix", "removesuffix"}
_DURATION = {"days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"}


_SUMS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_SEQUENCES: dict[str, Callable[..., Any]] = {
    "builtins.enumerate": lambda first, *_: [list(pair) for pair in enumerate(first)],
    "builtins.zip": lambda *given: [list(row) for row in zip(*given, strict=False)],
    "builtins.list": lambda first, *_: list(first),
    "builtins.tuple": lambda first, *_: list(first),
    "builtins.set": lambda first, *_: list(first),
    "builtins.len": lambda first, *_: len(first),
    "builtins.sorted": lambda first, *_: sorted(first) if all(isinstance(one, str) for one in first) else None,
}


def binary(node: ast.BinOp, left: Any, right: Any) -> Any:
    """The sum of texts, lists and numbers, a text formatted by %, a path joined by /; or unknown."""
    found: Any = Unknown(node)
    match node.op, left, right:
        case (ast.Add(), str(), str()) | (ast.Add(), list(), list()) if len(left) + len(right) < MOST:
            found = left + right
        case ((ast.Add() | ast.Sub() | ast.Mult()), (int() | float()), (int() | float())):
            number = _SUMS[type(node.op)](left, right)
            found = number if known(number) else found
        case ast.Mod(), str(), _:
            found = _percent(node, left, right)
        case ast.Div(), Made(name="pathlib.Path", args=[str() as base]), str():
            found = Made("pathlib.Path", [posixpath.join(base, right)], {}, node)
        case ((ast.BitOr() | ast.BitAnd()), (Made() | Func()), (Made() | Func())):
            found = Made("assets", [left, right], {}, node)
        case ast.BitOr(), dict(), dict():
            found = left | right
    return found


def _percent(node: ast.AST, text: str, right: Any) -> Any:
    given = right if isinstance(right, tuple | dict) else (right,)
    values = given.values() if isinstance(given, dict) else given
    if _WIDE_PERCENT.search(text) or not all(known(value) for value in values):
        return Unknown(node)
    return _tried(node, lambda: text % given)


def _tried(node: ast.AST, compute: Callable[[], Any]) -> Any:
    """A method of a text or list of constants, with arguments that may not fit."""
    try:
        found = compute()
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError):
        return Unknown(node)
    return found if not isinstance(found, str | list) or len(found) < MOST else Unknown(node)


def joined(node: ast.JoinedStr, parts: Sequence[Any]) -> Any:
    """An f-string, from the values of its parts."""
    texts = []
    for part, value in zip(node.values, parts, strict=True):
        shown = value.args[0] if isinstance(value, Made) and value.name == "pathlib.Path" and value.args else value
        text = formatted(part, shown) if known(shown) else None
        if text is None:
            return Unknown(node)
        texts.append(text)
    found = "".join(texts)
    return found if len(found) < MOST else Unknown(node)


def text_method(called: Bound, args: Sequence[Any], keywords: Mapping[str, Any], node: ast.AST) -> Any:
    """A method of a constant text."""
    text, name = called.value, called.name
    flat = [element for arg in args for element in (arg if isinstance(arg, list | tuple) else [arg])]
    if name not in _KINDS or not all(known(value) for value in (*flat, *keywords.values())):
        return Unknown(node)
    if name == "format" and _WIDE_BRACES.search(text):
        return Unknown(node)
    if name == "replace" and len(text) * max(len(str(value)) for value in (*args, "")) > MOST:
        return Unknown(node)
    return _tried(node, lambda: getattr(text, name)(*args, **keywords))


def subscript(node: ast.Subscript, value: Any, key: Any) -> Any:
    """An element of a dict, list or text by a constant key."""
    if isinstance(value, dict | list | tuple | str) and known(key):
        return _tried(node, lambda: value[key])
    return Unknown(node)


def made(name: str, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """What a call to something outside the folder makes, where constants tell it; None where they do not."""
    if name in {"datetime.timedelta", "pendulum.duration"}:
        return _duration(args, keywords)
    if name == "builtins.dict":
        return {**(args[0] if args and isinstance(args[0], dict) else {}), **keywords}
    if name in {"copy.copy", "copy.deepcopy"} and len(args) == 1:
        return args[0]
    if name == "builtins.str" and len(args) == 1:
        path = args[0].args[0] if isinstance(args[0], Made) and args[0].name == "pathlib.Path" else args[0]
        return str(path) if known(path) else None
    texts = [arg for arg in args if isinstance(arg, str)]
    return _path(name, texts, node) if texts and len(texts) == len(args) else _sequence(name, args)


def _path(name: str, parts: list[str], node: ast.AST) -> Any:
    match name:
        case "os.path.join" | "posixpath.join":
            return posixpath.join(*parts)
        case "pathlib.Path" | "pathlib.PurePath" | "pathlib.PurePosixPath":
            return Made("pathlib.Path", [posixpath.join(*parts)], {}, node)
        case "os.path.basename":
            return posixpath.basename(parts[0])
        case "os.path.splitext":
            return posixpath.splitext(parts[0])
    return None


def _duration(args: Sequence[Any], keywords: Mapping[str, Any]) -> timedelta | None:
    given = dict(zip(("days", "seconds"), args, strict=False)) | dict(keywords)
    if set(given) <= _DURATION and all(isinstance(value, int | float) for value in given.values()):
        try:
            return timedelta(**given)
        except (OverflowError, ValueError):
            return None
    return None


def _sequence(name: str, args: Sequence[Any]) -> Any:
    if name == "builtins.range" and 1 <= len(args) <= 3 and all(isinstance(arg, int) for arg in args):  # noqa: PLR2004
        numbers = range(*args) if 0 not in args[2:] else range(0)
        return list(numbers) if len(numbers) <= _MOST_ITEMS else None
    if not args or not all(isinstance(arg, list | tuple | dict) for arg in args):
        return None
    compute = _SEQUENCES.get(name)
    return None if compute is None else compute(*args)


def items(value: Any) -> list[Any] | None:
    """What a loop over a constant goes through; None where it is unknown, or too much."""
    if isinstance(value, list | tuple | dict) and len(value) <= _MOST_ITEMS:
        return list(value)
    return None


def of_path(value: Any, name: str) -> Any:
    """The stem or name of a path; None for anything else."""
    if not (isinstance(value, Made) and value.name == "pathlib.Path" and value.args):
        return None
    base = posixpath.basename(str(value.args[0]))
    return {"stem": posixpath.splitext(base)[0], "name": base}.get(name)
