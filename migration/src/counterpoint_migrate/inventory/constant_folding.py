"""Constants computed without running anything: texts joined and formatted, paths, durations, sequences."""

from __future__ import annotations

import ast
import operator
import posixpath
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.formats import formatted, is_plain
from counterpoint_migrate.inventory.values import (
    ABSENT,
    Bound,
    Func,
    Made,
    More,
    Perhaps,
    Ref,
    Unknown,
    known,
    optional,
    present,
    sure,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST = 10_000  # characters of a text, elements of a list
MOST_ITEMS = 1_000  # turns of a loop
# a width in a format that would make a text too long, or that is given apart
_WIDE_PERCENT = re.compile(r"%[^a-zA-Z%]*(?:\d{4}|\*)")
_WIDE_BRACES = re.compile(r"\{[^{}]*:[^{}]*(?:\d{4}|\{)")
_KINDS = {"lower", "upper", "strip", "lstrip", "rstrip", "title", "capitalize", "replace", "split", "format", "join"}
_KINDS |= {"removeprefix", "removesuffix", "startswith", "endswith", "isdigit", "zfill", "count", "find", "rsplit"}
_KINDS |= {"partition", "rpartition", "splitlines", "casefold", "swapcase", "isupper", "islower"}
_DURATION = {"days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"}


_SUMS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Div: operator.truediv,
}
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def binary(node: ast.BinOp, left: Any, right: Any) -> Any:
    """The sum of texts, lists and numbers, a text formatted by %, a path joined by /; or unknown."""
    found: Any = Unknown(node)
    match node.op, left, right:
        case (ast.Add(), str(), str()) | (ast.Add(), list(), list()) | (ast.Add(), tuple(), tuple()) if (
            len(left) + len(right) < MOST
        ):
            found = left + right
        case ast.Mod(), str(), _:
            found = _percent(node, left, right)
        case ast.Mult(), (list() | str()), int() if len(left) * right < MOST:
            found = left * right
        case _, (int() | float()), (int() | float()) if type(node.op) in _SUMS:
            number = _tried(node, lambda: _SUMS[type(node.op)](left, right))
            found = number if known(number) else found
        case ((ast.Mult() | ast.Add() | ast.Sub()), timedelta(), (timedelta() | int())):
            found = _tried(node, lambda: _SUMS[type(node.op)](left, right))
        case ast.Div(), Made(name="pathlib.Path", args=[str() as base]), str():
            found = Made("pathlib.Path", [posixpath.join(base, right)], {}, node)
        case ast.Div(), Made(name="pathlib.Path"), str():
            found = Made("pathlib.Path", [*left.args, right], {}, node)
        case (ast.Add(), Made(), str()) | (ast.Add(), str(), Made()):
            found = Made("str.join", [left, right], {}, node)
        case ((ast.BitOr() | ast.BitAnd()), (Made() | Func()), (Made() | Func())):
            found = Made("assets", [left, right], {}, node)
    return found


def compared(op: ast.cmpop, left: Any, right: Any) -> bool | None:
    """Whether a comparison holds; None where it is not known."""
    if isinstance(left, Unknown) and left.options and ABSENT not in left.options:
        return _agreed([compared(op, option, right) for option in left.options])
    if isinstance(op, ast.In | ast.NotIn | ast.Is | ast.IsNot):
        held = _contained(left, right) if isinstance(op, ast.In | ast.NotIn) else _identical(left, right)
        return None if held is None else held is isinstance(op, ast.In | ast.Is)
    if sure(left) and type(left) is type(right) and sure(right):
        comparable = all(map(known, (*left, *right)))
    else:
        comparable = known(left) and known(right)
    if not comparable:
        return _apart(op, left, right)
    answer = _tried(op, lambda: _COMPARED[type(op)](left, right))
    return answer if isinstance(answer, bool) else None


def _agreed(answers: Sequence[bool | None]) -> bool | None:
    return answers[0] if answers and all(answer is answers[0] for answer in answers) else None


def _apart(op: ast.cmpop, left: Any, right: Any) -> bool | None:
    """What has been made is not None, nor equal to a text or number."""
    unequal = (left is None and isinstance(right, list | dict | tuple | Func)) or (
        right is None and isinstance(left, list | dict | tuple | Func)
    )
    return isinstance(op, ast.NotEq) if unequal and isinstance(op, ast.Eq | ast.NotEq) else None


def _identical(left: Any, right: Any) -> bool | None:
    if left is right:
        return None if isinstance(left, Unknown) else True
    if isinstance(left, Unknown | Made | Bound | Ref) or isinstance(right, Unknown | Made | Bound | Ref):
        return None
    for one in (left, right):
        if one is None or isinstance(one, bool):
            return False
    return None


def _contained(left: Any, right: Any) -> bool | None:
    if isinstance(right, str) and isinstance(left, str):
        return left in right
    if not known(left) or not isinstance(right, dict | list | tuple):
        return None
    if isinstance(right, dict) and left in right:
        return None if optional(right[left]) else True
    if any(known(element) and element == left for element in right):
        return True
    return False if all(known(element) and element != "**" for element in right) else None


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
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return Unknown(node)
    return found if not isinstance(found, str | list) or len(found) < MOST else Unknown(node)


def joined(node: ast.JoinedStr, parts: Sequence[Any]) -> Any:
    """An f-string, from the values of its parts."""
    texts: list[Any] = []
    for part, value in zip(node.values, parts, strict=True):
        shown = value.args[0] if isinstance(value, Made) and value.name == "pathlib.Path" and value.args else value
        if isinstance(shown, Made) and is_plain(part):
            texts.append(shown)
            continue
        text = formatted(part, shown) if known(shown) else None
        if text is None:
            return Unknown(node)
        texts.append(text)
    if any(isinstance(text, Made) for text in texts):
        return Made("str.join", texts, {}, node)
    found = "".join(texts)
    return found if len(found) < MOST else Unknown(node)


def text_method(called: Bound, args: Sequence[Any], keywords: Mapping[str, Any], node: ast.AST) -> Any:
    """A method of a constant text."""
    text, name = called.value, called.name
    if (name == "join" and not (args and sure(args[0]))) or any(isinstance(arg, int) and arg > MOST for arg in args):
        return Unknown(node)
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
    if isinstance(value, dict) and known(key):
        return present(value[key]) if key in value else Unknown(node)
    if isinstance(key, slice):
        return value[key] if (sure(value) or isinstance(value, str)) else Unknown(node)
    if isinstance(value, list | tuple | str) and isinstance(key, int):
        before = value if isinstance(value, str) else value[: key + 1] if key >= 0 else value
        if isinstance(before, str) or sure(before):
            return _tried(node, lambda: value[key])
    return Unknown(node)


def made(name: str, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """What a call to something outside the folder makes, where constants tell it; None where they do not."""
    if name in {"datetime.timedelta", "pendulum.duration"}:
        return _duration(args, keywords)
    if name == "builtins.str" and len(args) == 1 and not keywords:
        path = args[0].args[0] if isinstance(args[0], Made) and args[0].name == "pathlib.Path" else args[0]
        return str(path) if known(path) else None
    texts = [arg for arg in args if isinstance(arg, str)]
    return _path(name, texts, node) if texts and len(texts) == len(args) and not keywords else None


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


def items(value: Any, node: ast.AST) -> list[Any] | None:
    """What a loop over a value goes through; None where it is unknown, or too much."""
    if isinstance(value, dict):
        found = [Perhaps(key, f"{key} is given") if optional(value[key]) else key for key in value if key != "**"]
        found += [More(node)] if "**" in value else []
    elif isinstance(value, list | tuple | str):
        found = list(value)
    else:
        return None
    return found if len(found) <= MOST_ITEMS else None


def of_path(value: Any, name: str) -> Any:
    """The stem or name of a path; None for anything else."""
    if not (isinstance(value, Made) and value.name == "pathlib.Path" and value.args):
        return None
    base = posixpath.basename(str(value.args[0]))
    return {"stem": posixpath.splitext(base)[0], "name": base}.get(name)
