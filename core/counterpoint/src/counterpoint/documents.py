"""JSON from outside: parsed in one place, so that whatever a file or an option holds, it is a value or a ValueError."""

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
    """The value of a JSON document; what we write ourselves may hold NaN, which only `is_strict` refuses.

    `each` says what becomes of every object in it.

    Raises:
        ValueError: it is none, it is nested too deep to be worked with, or it holds a number that JSON does not have.
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
        nested = [one for one in level if isinstance(one, list | dict)]
        level = [inner for one in nested for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number
