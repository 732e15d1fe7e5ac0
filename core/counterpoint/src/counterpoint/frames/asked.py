"""Which frame each parameter of a function asks for, by its annotation; one without an annotation gets Polars.

Annotations are read as text: what they name is often imported for type checkers alone, and is not there at run time.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError
from counterpoint.frames.given import KINDS, POLARS, given_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# distributions whose package has another name than its modules
_PACKAGES = {"_duckdb": "duckdb"}


def as_asked(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a function's parameters, with each Polars frame in them as the parameter asks for it.

    Args:
        function: a step's function.
        values: by parameter: frames, mappings or lists of frames, other values.

    Raises:
        DefinitionError: a parameter asks for frames of several libraries, and not for Polars.
        UsageError: a library is not installed here.
    """
    asked = frames_asked(function)
    return {name: _converted(asked.get(name, POLARS), value) for name, value in values.items()}


def first_as_asked(function: Callable[..., Any], value: Any) -> Any:
    """A value as the first parameter of a function asks for it: contracts, and functions of a window's partitions."""
    asked = frames_asked(function) if hasattr(function, "__annotations__") else {}
    first = next(iter(inspect.signature(function).parameters), "") if asked else ""
    return _converted(asked.get(first, POLARS), value)


def _converted(kind: str, value: Any) -> Any:
    if kind == POLARS:
        return value
    if isinstance(value, Mapping):
        return {key: _converted(kind, part) for key, part in value.items()}
    if isinstance(value, list):
        return [_converted(kind, part) for part in value]
    is_frame = type(value).__name__ == "DataFrame" and type(value).__module__.startswith("polars")
    return given_as(kind, value) if is_frame else value


@cache
def frames_asked(function: Callable[..., Any]) -> dict[str, str]:
    """By parameter, the type of the frames that it asks for, such as `pandas.DataFrame`; others are left out.

    Raises:
        DefinitionError: a parameter asks for frames of several libraries, and not for Polars.
    """
    inner = inspect.unwrap(function)
    found: dict[str, str] = {}
    for name, annotation in getattr(inner, "__annotations__", {}).items():
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        kinds = {kind for path in _names(text) if (kind := _kind(_whole(path, inner))) in KINDS}
        if len(kinds) > 1 and POLARS not in kinds:
            raise DefinitionError(
                f"parameter {name} of {inner.__module__}:{inner.__qualname__} asks for {' and '.join(sorted(kinds))}:"
                " annotate it with one of them"
            )
        if kinds and POLARS not in kinds and name != "return":
            found[name] = kinds.pop()
    return found


def _names(text: str) -> Iterator[str]:
    """The dotted names in an annotation, also in one that is quoted within another."""
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != text:
            yield from _names(node.value)


def _whole(path: str, function: Callable[..., Any]) -> str:
    """A dotted name with its first part as what the function's module means by it."""
    first, _, rest = path.partition(".")
    known = getattr(function, "__globals__", {}).get(first)
    if inspect.ismodule(known):
        start = known.__name__
    elif isinstance(known, type):
        start = f"{known.__module__}.{known.__qualname__}"
    else:
        start = _imports(function.__module__).get(first, first)
    return f"{start}.{rest}" if rest else start


@cache
def _imports(module: str) -> dict[str, str]:
    """What each imported name of a module stands for, also of those imported for type checkers alone."""
    from counterpoint.model.functions import source_of

    try:
        tree = ast.parse(source_of(module))
    except (DefinitionError, SyntaxError, ValueError):
        return {}
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _kind(path: str) -> str:
    """The package and the last name of a type: `pandas.core.frame.DataFrame` is `pandas.DataFrame`."""
    package, _, rest = path.partition(".")
    return f"{_PACKAGES.get(package, package)}.{rest.rpartition('.')[2]}"
