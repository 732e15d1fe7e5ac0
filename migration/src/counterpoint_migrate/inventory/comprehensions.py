"""Comprehensions: turn by turn over what is known, once over what is not."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import constant_folding
from counterpoint_migrate.inventory.binding import bind
from counterpoint_migrate.inventory.container_methods import absorb, distinct
from counterpoint_migrate.inventory.flow import GOES_ON, branch, repeated
from counterpoint_migrate.inventory.heap import one_more
from counterpoint_migrate.inventory.truth import holds
from counterpoint_migrate.inventory.values import ABSENT, More, Perhaps, Unknown, join, known, source

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.inventory.flow import Flow
    from counterpoint_migrate.inventory.state import State


def comprehension(state: State, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Any:
    """What a comprehension gives."""
    found: list[Any] = []
    before = state.scope
    state.scope = state.scope.new_child()
    try:
        _turns(state, node, list(node.generators), found)
    finally:
        state.scope = before
    if len(found) > constant_folding.MOST:
        return Unknown(node)
    if isinstance(node, ast.DictComp):
        return _pairs(found, node)
    if isinstance(node, ast.SetComp) and not any(isinstance(one, More | Perhaps) for one in found):
        return distinct(found) or ([*(Perhaps(one, "it is in the set once") for one in found)] if found else [])
    return one_more(found)


def _pairs(found: list[Any], node: ast.DictComp) -> dict[Any, Any]:
    pairs: dict[Any, Any] = {}
    for one in found:
        if isinstance(one, tuple) and known(one[0]):
            pairs[one[0]] = one[1]
        elif isinstance(one, Perhaps) and isinstance(one.value, tuple) and known(one.value[0]):
            key, value = one.value
            pairs[key] = join([value, pairs.get(key, ABSENT)], node)
        else:
            absorb(pairs, {"**": Unknown(node)}, node)
    return pairs


def _turns(state: State, node: Any, generators: list[ast.comprehension], found: list[Any]) -> None:
    """Goes through what the loops give."""
    if not generators:
        _element(state, node, found)
        return
    loop, *rest = generators
    each = constant_folding.items(state.evaluate(state, loop.iter), loop.iter)
    for value in [More(loop.iter)] if each is None else each:
        inner: list[Any] = []
        if isinstance(value, More):
            _open_turn(state, node, generators, inner)
            found += [*(one if isinstance(one, More) else Perhaps(_plain(one), "") for one in inner), More(loop.iter)]
            continue
        bind(state, loop.target, value.value if isinstance(value, Perhaps) else value)
        condition = value.condition if isinstance(value, Perhaps) else None
        unsure = _tested(state, loop, condition, lambda: _turns(state, node, rest, inner))  # noqa: B023
        found += inner if unsure is None else [_unsure(one, unsure) for one in inner]
        if len(found) > constant_folding.MOST:
            return


def _unsure(element: Any, condition: str) -> Any:
    return element if isinstance(element, More | Perhaps) else Perhaps(element, condition)


def _plain(element: Any) -> Any:
    return element.value if isinstance(element, Perhaps) else element


def _open_turn(state: State, node: Any, generators: list[ast.comprehension], inner: list[Any]) -> None:
    """One turn of a loop over what is not known."""
    loop, *rest = generators
    bind(state, loop.target, Unknown(loop.target))

    def run() -> Flow:
        _tested(state, loop, None, lambda: _turns(state, node, rest, inner))
        return GOES_ON

    repeated(state, loop.iter, source(loop.iter), run)


def _tested(state: State, loop: ast.comprehension, condition: str | None, run: Callable[[], None]) -> str | None:
    """Runs a turn of a comprehension if its tests hold; the condition under which it is one, if that is not known."""
    tests: list[bool | None] = []
    for test in loop.ifs:
        tests.append(holds(state.evaluate(state, test)))
        if tests[-1] is False:
            return condition
        if tests[-1] is None:
            condition = source(test)
    if condition is None:
        run()
        return None

    def way() -> Flow:
        run()
        return GOES_ON

    branch(state, loop.iter, [(condition, way), (f"not ({condition})", lambda: GOES_ON)])
    return condition


def _element(state: State, node: Any, found: list[Any]) -> None:
    if isinstance(node, ast.DictComp):
        key = state.evaluate(state, node.key)
        found.append((key, state.evaluate(state, node.value)))
    else:
        found.append(state.evaluate(state, node.elt))
