"""Assignments: to names, and to elements and attributes of values."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.attributes import set_attribute
from counterpoint_migrate.inventory.container_methods import absorb
from counterpoint_migrate.inventory.state import names_of
from counterpoint_migrate.inventory.values import Made, Unknown, known, sure, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State


def bind(state: State, target: ast.AST, value: Any) -> None:
    """Binds a name, or the names of a tuple; an element of a dict is put into it."""
    match target:
        case ast.Name(id=name):
            state.bind(name, value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part, element in zip(parts, _spread(parts, value), strict=True):
                bind(state, part, element)
        case ast.Starred(value=part):
            bind(state, part, value)
        case ast.Subscript(value=owner, slice=key):
            _put(state, state.evaluate(state, owner), state.evaluate(state, key), value, target)
        case ast.Attribute(value=owner, attr=name):
            set_attribute(state, state.evaluate(state, owner), name, value, target)


def _spread(parts: Sequence[ast.expr], value: Any) -> list[Any]:
    """The values for the names of a tuple."""
    starred = next((number for number, part in enumerate(parts) if isinstance(part, ast.Starred)), None)
    elements = list(value) if sure(value) else list(value) if isinstance(value, str) else None
    if elements is None and isinstance(value, dict) and whole(value):
        elements = list(value)
    if elements is not None and starred is None and len(elements) == len(parts):
        return elements
    if elements is not None and starred is not None and len(elements) >= len(parts) - 1:
        rest = len(elements) - (len(parts) - 1)
        return [*elements[:starred], elements[starred : starred + rest], *elements[starred + rest :]]
    return [Unknown(part) for part in parts]


def _put(state: State, held: Any, key: Any, value: Any, node: ast.AST) -> None:
    """`held[key] = value`."""
    if isinstance(held, dict):
        state.heap.touch(held)
        if known(key):
            held[key] = value
        else:
            absorb(held, {"**": Unknown(node)}, node)
    elif isinstance(held, list):
        state.heap.touch(held)
        if isinstance(key, int) and sure(held) and -len(held) <= key < len(held):
            held[key] = value
        else:
            state.heap.doubt(held, node)
    elif isinstance(held, Made) and held.name == "builtins.globals" and isinstance(key, str):
        scope = names_of(state.module)
        state.heap.touch(scope)
        scope[key] = value
    elif isinstance(held, Unknown):
        for option in held.options:
            state.heap.doubt(option, node)
