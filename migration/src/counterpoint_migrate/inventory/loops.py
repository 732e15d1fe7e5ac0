"""Loops: turn by turn over what is known, once over what is not."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.binding import bind
from counterpoint_migrate.inventory.expressions import evaluate, truth
from counterpoint_migrate.inventory.flow import GOES_ON, Flow, branch, repeated
from counterpoint_migrate.inventory.inventory_model import Dag, Task
from counterpoint_migrate.inventory.values import Func, More, Perhaps, Ref, Unknown, source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.state import State

_COST = 20  # expressions that reading a loop is worth
_MOST_TURNS = 100  # of a `while`
_CHANGING = {"append", "extend", "insert", "pop", "remove", "clear"}
_CHANGING |= {"update", "setdefault", "add", "discard", "popitem", "sort", "reverse"}


def over(
    state: State, node: ast.For | ast.AsyncFor, elements: Sequence[Any] | None, otherwise: Callable[[], Flow]
) -> Flow:
    """A `for`; `elements` are None where they are not known."""
    if elements is None:
        return _open(state, node, source(node.iter), otherwise, node.target)
    return _turns(state, node, list(elements), otherwise)


def _turns(state: State, node: ast.For | ast.AsyncFor, elements: Sequence[Any], otherwise: Callable[[], Flow]) -> Flow:
    leaves: frozenset[str] = frozenset()
    for number, element in enumerate(elements):
        flow = _turn(state, node, element)
        leaves |= flow.leaves - {"break", "continue"}
        if not flow.goes_on and not flow.leaves & {"continue"}:
            return Flow(goes_on="break" in flow.leaves, leaves=leaves, unless=flow.unless if leaves else "")
        if flow.leaves - {"continue"}:
            later = _later(state, node, flow, elements[number + 1 :], otherwise)
            goes_on = later.goes_on or "break" in flow.leaves
            return Flow(goes_on, leaves | later.leaves, later.unless or (flow.unless if leaves else ""))
    flow = otherwise()
    return Flow(flow.goes_on, leaves | flow.leaves, flow.unless)


def _later(
    state: State, node: ast.For | ast.AsyncFor, flow: Flow, rest: Sequence[Any], otherwise: Callable[[], Flow]
) -> Flow:
    """The turns after one that may have ended the loop."""
    unless = flow.unless or "the loop goes on"
    gone = GOES_ON if "break" in flow.leaves else Flow(goes_on=False, leaves=flow.leaves - {"break", "continue"})
    ends: list[Flow] = []

    def run() -> Flow:
        ends.append(_turns(state, node, rest, otherwise))
        return ends[-1]

    branch(state, node, [(unless, run), (f"not ({unless})", lambda: gone)])
    return ends[0]


def _turn(state: State, node: ast.For | ast.AsyncFor, element: Any) -> Flow:
    if isinstance(element, More):
        return _open(state, node, source(node.iter), lambda: GOES_ON, node.target)
    if not isinstance(element, Perhaps):
        bind(state, node.target, element)
        return state.execute(state, node.body)
    condition = element.condition or f"{source(node.iter)} holds it"

    def run() -> Flow:
        bind(state, node.target, element.value)
        return state.execute(state, node.body)

    return branch(state, node, [(condition, run), (f"not ({condition})", lambda: GOES_ON)])


def while_true(state: State, node: ast.While, otherwise: Callable[[], Flow]) -> Flow:
    """A `while`: as long as its test is known."""
    for _ in range(_MOST_TURNS):
        answer = truth(state, node.test)
        if answer is False:
            return otherwise()
        if answer is None:
            break
        flow = state.execute(state, node.body)
        if not flow.goes_on and "continue" not in flow.leaves:
            return Flow(goes_on="break" in flow.leaves, leaves=flow.leaves - {"break"})
        if flow.leaves - {"continue"}:
            break
    return _open(state, node, source(node.test), otherwise, None)


def _open(
    state: State,
    node: ast.For | ast.AsyncFor | ast.While,
    text: str,
    otherwise: Callable[[], Flow],
    target: ast.expr | None,
) -> Flow:
    """A loop of which it is not known how often it turns: what its body changes is unknown in it."""
    state.step(_COST)
    for name in sorted(_changed_names(node)):
        if name in state.scope and not isinstance(state.scope[name], Ref | Func):
            state.bind(name, Unknown(ast.Name(id=name)))
    for container in _changed_containers(state, node):
        state.heap.doubt(container, node)
    if target is not None:
        bind(state, target, Unknown(target))
    flow = repeated(state, node, text, lambda: state.execute(state, node.body))
    later = otherwise()
    return Flow(later.goes_on, flow.leaves | later.leaves, later.unless or flow.unless)


def _changed_names(node: ast.stmt) -> set[str]:
    return {
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store | ast.Del)
    }


def _changed_containers(state: State, node: ast.stmt) -> list[Any]:
    """The lists, dicts and objects of which the body of a loop changes an element."""
    owners = [owner for inner in ast.walk(node) if (owner := _changed(inner)) is not None]
    names = [owner for owner in owners if isinstance(owner, ast.Name)]
    values = [state.scope[owner.id] for owner in names if owner.id in state.scope]
    attributes = [owner for owner in owners if isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name)]
    values += [evaluate(state, owner) for owner in attributes]
    return [value for value in values if not isinstance(value, Task | Dag)]


def _changed(node: ast.AST) -> ast.expr | None:
    """What a statement or expression changes an element of."""
    if isinstance(node, ast.AugAssign):
        return node.target
    stored = isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
    if stored or (isinstance(node, ast.Attribute) and node.attr in _CHANGING):
        return node.value if isinstance(node, ast.Subscript | ast.Attribute) else None
    return None
