"""Sorting of what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.values import known, sure

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State


def ordered(state: State, values: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> list[Any] | None:
    """The elements in order; None where the order is not known."""
    reverse = keywords.get("reverse", False)
    if not sure(values) or not keywords.keys() <= {"key", "reverse"} or not isinstance(reverse, bool):
        return None
    key = keywords.get("key")
    by = list(values) if key is None else [state.call(state, key, [value], {}, node) for value in values]
    if key is None and by and all(sure(value) and value and known(value[0]) for value in by):
        firsts = [value[0] for value in by]
        by = firsts if len(set(map(repr, firsts))) == len(firsts) else by
    if not (all(isinstance(value, str) for value in by) or all(isinstance(value, int | float) for value in by)):
        return None
    order = sorted(range(len(by)), key=lambda number: by[number], reverse=reverse)
    return [values[number] for number in order]
