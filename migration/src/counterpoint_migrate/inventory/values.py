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
    from collections.abc import Callable, Sequence

_LONGEST_TEXT = 200
_DEEPEST = 6  # of lists and dicts, which may hold themselves
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _LONGEST_TEXT
_MOST_SHOWN = 20
_MOST_OPTIONS = 8
_LARGEST = 10**15  # such a number is no setting, and its text may be refused


@dataclass(frozen=True, slots=True, eq=False)
class Unknown:
    """What only running the code would tell; `options` are all that it may be, where that much is known."""

    node: ast.AST
    options: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class More:
    """In a list: any number of further elements, of which nothing is known; in a dict its key is `**`."""

    node: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Perhaps:
    """An element of a list that is there only under a condition."""

    value: Any
    condition: str


class Absent:
    """One of the options of an unknown value: nothing was given."""


ABSENT = Absent()


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
    owner: Class | None = None  # the class whose method it is
    marks: frozenset[str] = frozenset()  # staticmethod, classmethod, property
    yields: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class of the folder.

    Attributes:
        name: of the class.
        base: the name of the first operator or DAG that it rests on, or else of the first class outside the folder.
        module: the path of its file.
        keywords: its attributes and methods.
        bases: the classes in its definition.
        fields: of a data class, in their order.
    """

    name: str
    base: str
    module: str
    keywords: dict[str, Any] = field(default_factory=dict)
    bases: tuple[Any, ...] = ()
    fields: tuple[str, ...] | None = None

    def lineage(self) -> list[Class]:
        """The class and those of the folder that it rests on, in the order in which attributes are looked up."""
        found: list[Class] = [self]
        for base in self.bases:
            if isinstance(base, Class):
                inherited = base.lineage()
                found = [one for one in found if one not in inherited] + inherited
        return found

    def outside(self) -> list[str]:
        """The names of the classes outside the folder that it rests on."""
        return [base.name for one in self.lineage() for base in one.bases if isinstance(base, Ref)]

    def find(self, name: str, after: Class | None = None) -> Any:
        """An attribute of the class or of those it rests on, `ABSENT` if none has it.

        Args:
            name: of the attribute.
            after: the class behind which the search starts, as `super()` does.
        """
        lineage = self.lineage()
        start = lineage.index(after) + 1 if after in lineage else 0
        return next((one.keywords[name] for one in lineage[start:] if name in one.keywords), ABSENT)


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """An object of a class of the folder, made in `module`; `native` holds the task or DAG that it is, once known."""

    made_of: Class
    node: ast.AST
    attributes: dict[str, Any] = field(default_factory=dict)
    native: list[Any] = field(default_factory=list)
    module: Any = None
    mapped: dict[str, Any] | None = None  # what a task is mapped over
    parameters: dict[str, Any] = field(default_factory=dict)  # of its `__init__`


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A function of the folder bound to an object or class."""

    func: Func
    holder: Any


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """What `super()` gives in a method."""

    owner: Class
    holder: Any


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """Something to call with arguments given before: by functools, or by `.partial` and `.override` of a task."""

    callee: Any
    args: Sequence[Any]
    keywords: dict[str, Any]


def text_of(value: Any, depth: int = 0) -> str:
    """A value as it is written in Python, shortened; never the representation of an object of this package."""
    if isinstance(value, Unknown) and value.options:
        return _cut(" or ".join(text_of(option, depth + 1) for option in value.options))
    for kinds, show in _SHOWN:
        if isinstance(value, kinds):
            return _cut(show(value, depth))
    node = getattr(value, "node", None)
    if node is not None:
        return source(node)
    return _cut(getattr(value, "id", None) or getattr(value, "prefix", "").rstrip(".") or "an object")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def _partial(value: Partial, depth: int) -> str:
    return f"partial({_arguments([value.callee, *value.args], value.keywords, depth)})"


def _arguments(args: Sequence[Any], keywords: dict[str, Any], depth: int) -> str:
    shown = [text_of(arg, depth + 1) for arg in args[:_MOST_SHOWN]]
    shown += [f"{name}={text_of(arg, depth + 1)}" for name, arg in list(keywords.items())[:_MOST_SHOWN]]
    return ", ".join(shown)


def _elements(value: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return "..."
    inner = [text_of(element, depth + 1) for element in value[:_MOST_SHOWN]]
    inner += ["..."] if len(value) > _MOST_SHOWN else []
    if isinstance(value, list):
        return f"[{', '.join(inner)}]"
    return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"


def _pairs(value: dict[Any, Any], depth: int) -> str:
    if depth > _DEEPEST:
        return "..."
    inner = [
        "**..." if key == "**" else f"{text_of(key)}: {text_of(element, depth + 1)}"
        for key, element in list(value.items())[:_MOST_SHOWN]
    ]
    return f"{{{', '.join(inner)}{', ...' if len(value) > _MOST_SHOWN else ''}}}"


_SHOWN: tuple[tuple[Any, Callable[[Any, int], str]], ...] = (
    ((str, int, float, type(None)), lambda value, _: _REPR.repr(value)),
    (timedelta, lambda value, _: f"timedelta(seconds={value.total_seconds():g})"),
    (Ref, lambda value, _: value.name),
    (Absent, lambda *_: "not given"),
    (More, lambda *_: "..."),
    (Perhaps, lambda value, depth: text_of(value.value, depth + 1)),
    (Func, lambda value, _: source(value.node) if isinstance(value.node, ast.Lambda) else value.name),
    (Class, lambda value, _: value.name),
    (Instance, lambda value, _: source(value.node)),
    (Method, lambda value, depth: f"{text_of(value.holder, depth + 1)}.{value.func.name}"),
    (Super, lambda *_: "super()"),
    (Partial, _partial),
    ((list, tuple), _elements),
    (dict, _pairs),
)


def source(node: ast.AST) -> str:
    """The source of a node on one line, shortened."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (ValueError, RecursionError):  # too many digits, or too deep
        return f"<{type(node).__name__}>"
    return _cut(text)


def known(value: Any) -> bool:
    """Whether it is a text, a number, a truth value or None."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < _LARGEST
    return value is None or isinstance(value, str)


def sure(value: Any) -> bool:
    """Whether it is a list or tuple whose elements and their order are known (the elements may be unknown)."""
    return isinstance(value, list | tuple) and not any(isinstance(element, More | Perhaps) for element in value)


def whole(value: Any) -> bool:
    """Whether it is a dict whose keys are known."""
    return isinstance(value, dict) and "**" not in value and not any(map(optional, value.values()))


def optional(value: Any) -> bool:
    """Whether a value may not be there at all."""
    return isinstance(value, Unknown) and ABSENT in value.options


def present(value: Any) -> Any:
    """A value that may not be there, as it is where it is there."""
    if not optional(value):
        return value
    left = tuple(option for option in value.options if option is not ABSENT)
    return left[0] if len(left) == 1 else Unknown(value.node, left)


def same(one: Any, other: Any) -> bool:
    """Whether two values are certainly the same."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    return (known(one) or isinstance(one, Ref | timedelta)) and bool(one == other)


def join(values: Sequence[Any], node: ast.AST) -> Any:
    """What is one of several values: that value where they are the same, or else unknown with these options."""
    options: list[Any] = []
    for value in values:
        if isinstance(value, Unknown) and not value.options and len(values) > 1:
            return value if all(other is value for other in values) else Unknown(node)
        parts = value.options if isinstance(value, Unknown) and value.options else (value,)
        options += [part for part in parts if not any(same(part, option) for option in options)]
    if len(options) == 1:
        return options[0]
    return Unknown(node, tuple(options) if len(options) <= _MOST_OPTIONS else ())


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
    """The value itself, and all that lists, dicts, calls and options hold, outermost first."""
    found: list[Any] = []
    stack = [value]
    while stack and len(found) < 10_000:  # noqa: PLR2004 - lists may hold each other
        one = stack.pop()
        found.append(one)
        stack += held_by(one)[::-1]
    return found


def held_by(value: Any) -> list[Any]:
    """What a list, dict, call or option holds directly."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, Made):
        return [*value.args, *value.keywords.values()]
    if isinstance(value, Perhaps):
        return [value.value]
    if isinstance(value, Unknown):
        return list(value.options)
    return list(value.native) if isinstance(value, Instance) else []
