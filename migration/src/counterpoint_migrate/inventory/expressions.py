"""What an expression is, found without running it; edges and calls in it are noted as they come."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import calls, constant_folding, edges
from counterpoint_migrate.inventory.attributes import attribute
from counterpoint_migrate.inventory.binding import bind
from counterpoint_migrate.inventory.comprehensions import comprehension
from counterpoint_migrate.inventory.container_methods import absorb, distinct
from counterpoint_migrate.inventory.flow import GOES_ON, Flow, branch
from counterpoint_migrate.inventory.inventory_model import Task
from counterpoint_migrate.inventory.truth import holds
from counterpoint_migrate.inventory.values import (
    Func,
    Made,
    More,
    Perhaps,
    Ref,
    Unknown,
    join,
    known,
    source,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.state import State


def evaluate(state: State, node: ast.AST) -> Any:
    """The value of an expression, `Unknown` where only running the code would tell it."""
    state.step()
    found = _KINDS.get(type(node))
    if found is not None:
        return found(state, node)
    for child in ast.iter_child_nodes(node):
        evaluate(state, child)
    return Unknown(node)


def truth(state: State, node: ast.AST) -> bool | None:
    """Whether a condition holds; None where it is not known."""
    value = evaluate(state, node)
    if isinstance(value, Ref) and value.tail == "TYPE_CHECKING":
        return False
    return holds(value)


def _constant(_: State, node: ast.Constant) -> Any:
    return node.value if known(node.value) else Unknown(node)


def _name(state: State, node: ast.Name) -> Any:
    return state.name(node)


def _attribute(state: State, node: ast.Attribute) -> Any:
    return attribute(state, evaluate(state, node.value), node.attr, node)


def _call(state: State, node: ast.Call) -> Any:
    state.arguments += 1
    try:
        callee = evaluate(state, node.func)
        args = sequence(state, node.args)
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            value = evaluate(state, keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, dict):
                keywords |= {str(name): element for name, element in value.items()}
            else:
                keywords["**"] = value
    finally:
        state.arguments -= 1
    return calls.called(state, callee, args, keywords, node)


def sequence(state: State, nodes: Sequence[ast.AST]) -> list[Any]:
    """The values of expressions, those with a star laid open where they are known."""
    found: list[Any] = []
    for node in nodes:
        value = evaluate(state, node.value if isinstance(node, ast.Starred) else node)
        if isinstance(node, ast.Starred):
            elements = constant_folding.items(value, node)
            found += [More(node)] if elements is None else elements
        else:
            found.append(value)
    return found


def _binary(state: State, node: ast.BinOp) -> Any:
    left, right = evaluate(state, node.left), evaluate(state, node.right)
    if isinstance(node.op, ast.RShift | ast.LShift):
        return edges.shifted(state, left, right, node, down=isinstance(node.op, ast.RShift))
    if isinstance(node.op, ast.BitOr) and isinstance(left, dict) and isinstance(right, dict):
        found = dict(left)
        absorb(found, right, node)
        return found
    return constant_folding.binary(node, left, right)


def _joined(state: State, node: ast.JoinedStr) -> Any:
    values = [
        evaluate(state, part.value) if isinstance(part, ast.FormattedValue) else _text(part) for part in node.values
    ]
    return constant_folding.joined(node, values)


def _text(part: ast.expr) -> Any:
    return part.value if isinstance(part, ast.Constant) else Unknown(part)


def _list(state: State, node: ast.List) -> Any:
    return sequence(state, node.elts)


def _set(state: State, node: ast.Set) -> Any:
    elements = sequence(state, node.elts)
    return distinct(elements) or [*(Perhaps(element, "it is in the set once") for element in elements), More(node)]


def _tuple(state: State, node: ast.Tuple) -> Any:
    return tuple(sequence(state, node.elts))


def _dict(state: State, node: ast.Dict) -> Any:
    found: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        element = evaluate(state, value)
        if key is None:
            if not (isinstance(element, dict) and absorb(found, element, node)):
                absorb(found, {"**": Unknown(value)}, node)
            continue
        name = evaluate(state, key)
        absorb(found, {name: element} if known(name) else {"**": Unknown(key)}, node)
    return found


def _subscript(state: State, node: ast.Subscript) -> Any:
    value, key = evaluate(state, node.value), evaluate(state, node.slice)
    if isinstance(value, Task):
        return value
    computed = not isinstance(node.slice, ast.Constant | ast.UnaryOp)
    if state.conditions and computed and isinstance(key, int) and key < 0:
        return Unknown(node)  # the condition may be there to keep it from being used
    if isinstance(value, Ref) and value.name == "os.environ":
        return Made("os.environ", [key], {}, node)
    return constant_folding.subscript(node, value, key)


def _slice(state: State, node: ast.Slice) -> Any:
    parts = [None if part is None else evaluate(state, part) for part in (node.lower, node.upper, node.step)]
    return slice(*parts) if all(part is None or isinstance(part, int) for part in parts) else Unknown(node)


def _choice(state: State, node: ast.IfExp) -> Any:
    answer = truth(state, node.test)
    if answer is not None:
        return evaluate(state, node.body if answer else node.orelse)
    text = source(node.test)
    results: list[Any] = []

    def way(part: ast.expr) -> Callable[[], Flow]:
        def run() -> Flow:
            results.append(evaluate(state, part))
            return GOES_ON

        return run

    branch(state, node, [(text, way(node.body)), (f"not ({text})", way(node.orelse))])
    return join(results, node)


def _any(state: State, node: ast.BoolOp) -> Any:
    values: list[Any] = []
    for number, part in enumerate(node.values):
        value = evaluate(state, part) if not values else _later(state, node, number, part)
        answer = holds(value)
        if answer is isinstance(node.op, ast.Or) or (answer is not None and number == len(node.values) - 1):
            return join([*values, value], node)
        if answer is None:
            values.append(value)
    return join(values, node)


def _later(state: State, node: ast.BoolOp, number: int, part: ast.expr) -> Any:
    """A part that is evaluated only if those before it did not decide."""
    before = " and ".join(source(one) for one in node.values[:number])
    results: list[Any] = []

    def run() -> Flow:
        results.append(evaluate(state, part))
        return GOES_ON

    condition = before if isinstance(node.op, ast.And) else f"not ({before})"
    branch(state, node, [(condition, run), (f"not ({condition})", lambda: GOES_ON)])
    return results[0]


def _compare(state: State, node: ast.Compare) -> Any:
    values = sequence(state, (node.left, *node.comparators))
    answers = [
        constant_folding.compared(op, left, right)
        for op, (left, right) in zip(node.ops, pairwise(values), strict=False)
    ]
    if False in answers:
        return False
    return Unknown(node) if None in answers or len(values) != len(node.ops) + 1 else True


def _unary(state: State, node: ast.UnaryOp) -> Any:
    value = evaluate(state, node.operand)
    if isinstance(node.op, ast.Not):
        answer = holds(value)
        return Unknown(node) if answer is None else not answer
    return (
        -value if isinstance(node.op, ast.USub) and known(value) and isinstance(value, int | float) else Unknown(node)
    )


def _lambda(state: State, node: ast.Lambda) -> Any:
    body = [ast.Return(value=node.body, lineno=node.lineno, col_offset=0)]
    return Func("<lambda>", node.args, defaults(state, node.args), body, state.scope, state.module, node)


def _yield(state: State, node: ast.Yield) -> Any:
    value = None if node.value is None else evaluate(state, node.value)
    if state.returned:
        doubt = state.doubt
        state.returned[-1].append(value if doubt is None else Perhaps(value, doubt))
    return Unknown(node)


def _yield_from(state: State, node: ast.YieldFrom) -> Any:
    elements = constant_folding.items(evaluate(state, node.value), node)
    if state.returned:
        state.returned[-1] += [Perhaps(More(node), "")] if elements is None else elements
    return Unknown(node)


def _await(state: State, node: ast.Await) -> Any:
    return evaluate(state, node.value)


def defaults(state: State, given: ast.arguments) -> dict[str, Any]:
    """The defaults of the parameters of a function."""
    plain = [*given.posonlyargs, *given.args]
    pairs = list(zip(plain[len(plain) - len(given.defaults) :], given.defaults, strict=True))
    pairs += [(arg, value) for arg, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is not None]
    return {arg.arg: evaluate(state, value) for arg, value in pairs}


def _named(state: State, node: ast.NamedExpr) -> Any:
    value = evaluate(state, node.value)
    bind(state, node.target, value)
    return value


_KINDS: dict[type[ast.AST], Callable[[State, Any], Any]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.JoinedStr: _joined,
    ast.List: _list,
    ast.Set: _set,
    ast.Tuple: _tuple,
    ast.Dict: _dict,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
    ast.Await: _await,
    ast.IfExp: _choice,
    ast.BoolOp: _any,
    ast.Compare: _compare,
    ast.UnaryOp: _unary,
    ast.ListComp: comprehension,
    ast.SetComp: comprehension,
    ast.GeneratorExp: comprehension,
    ast.DictComp: comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
}
