"""Constants in an f-string, formatted as the string says: `{number:02d}`, `{name!r}`, `{name:>10}`."""

from __future__ import annotations

import ast
import re
from typing import Any

# fill, sign and kind, with a width and a precision that make no long text
_SPEC = re.compile(r"(?:.?[<>=^])?[+\- ]?z?#?0?\d{0,3}[_,]?(?:\.\d{1,3})?[bcdeEfFgGnosxX%]?")
_CONVERSIONS = {-1: None, ord("s"): str, ord("r"): repr, ord("a"): ascii}


def formatted(part: ast.AST, value: Any) -> str | None:
    """The text of a constant in an f-string; None where its format is not known, or does not fit the value."""
    if not isinstance(part, ast.FormattedValue):
        return str(value)
    convert = _CONVERSIONS.get(part.conversion)
    spec = _spec(part.format_spec)
    if spec is None or _SPEC.fullmatch(spec) is None:
        return None
    try:
        return format(value if convert is None else convert(value), spec)
    except (ValueError, TypeError, OverflowError):
        return None


def is_plain(part: ast.AST) -> bool:
    """Whether a part of an f-string shows its value without a conversion and a format."""
    return not isinstance(part, ast.FormattedValue) or (part.format_spec is None and part.conversion <= 0)


def _spec(node: ast.expr | None) -> str | None:
    """A format without a value in it; empty where none is given."""
    if node is None:
        return ""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return "".join(texts) if len(texts) == len(parts) else None
