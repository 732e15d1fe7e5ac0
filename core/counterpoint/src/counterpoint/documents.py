"""Parses JSON from outside, so that any content of a file or option gives a value or a ValueError."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_DEEPEST = 100


def parsed(
    text: str | bytes, *, is_strict: bool = True, each: Callable[[dict[str, Any]], dict[str, Any]] | None = None
) -> Any:
    """The value of a JSON document.

    Args:
        text: The document.
        is_strict: Whether NaN and infinite numbers are refused; Counterpoint's own files may contain them.
        each: Converts every object in the document.

    Raises:
        ValueError: The text is not JSON, is nested too deep, or contains a number that JSON does not have.
    """
    options: dict[str, Any] = {"parse_constant": _refuse_constant, "parse_float": _finite} if is_strict else {}
    try:
        value = json.loads(text, object_hook=each, **options)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    opened = ("[", "{") if isinstance(text, str) else (b"[", b"{")
    if sum(map(text.count, opened)) > _DEEPEST and _depth(value) > _DEEPEST:  # type: ignore[arg-type]  # of its kind
        raise ValueError("it is nested too deep")
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        nested = [container for container in level if isinstance(container, list | dict)]
        level = [
            inner
            for container in nested
            for inner in (container.values() if isinstance(container, dict) else container)
        ]
    return depth


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number
