"""What an expression is, found without running it; edges and calls in it are noted as they come."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import calls, constant_folding, edges
from counterpoint_migrate.inventory.inventory_model import Task
from counterpoint_migrate.inventory.state import Module
from counterpoint_migrate.inventory.values import Bound, Class, Func, Ref, Unknown, known, source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.state import State

_MAPPING = {"partial", "expand", "expand_kwargs", "override"}


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
    return bool(value) if known(value) or isinstance(value, list | tuple | dict) else None


def _constant(_: State, node: ast.Constant) -> Any:
    return node.value if known(node.value) else Unknown(node)


def _name(state: State, node: ast.Name) -> Any:
    return state.name(node)


def _attribute(state: State, node: ast.Attribute) -> Any:
    value = evaluate(state, node.value)
    if isinstance(value, Module):
        return value.scope.get(node.attr, Unknown(node))
    if isinstance(value, Class) and node.attr in value.keywords:
        return value.keywords[node.attr]
    if isinstance(value, Ref) and (node.attr not in _MAPPING or not value.tail[:1].isupper()):
        return Ref(f"{value.name}.{node.attr}")
    if isinstance(value, Task) and node.attr == "output":
        return value
    return constant_folding.of_path(value, node.attr) or Bound(value, node.attr, node)


def _call(state: State, node: ast.Call) -> Any:
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
    return calls.called(state, callee, args, keywords, node)


def sequence(state: State, nodes: Sequence[ast.AST]) -> list[Any]:
    """The values of expressions, those with a star laid open where they are known."""
    found: list[Any] = []
    for node in nodes:
        value = evaluate(state, node.value if isinstance(node, ast.Starred) else node)
        if isinstance(node, ast.Starred) and isinstance(value, list | tuple):
            found += value
        else:
            found.append(value)
    return found


def _binary(state: State, node: ast.BinOp) -> Any:
    left, right = evaluate(state, node.left), evaluate(state, node.right)
    if isinstance(node.op, ast.RShift | ast.LShift):
        return edges.shifted(state, left, right, down=isinstance(node.op, ast.RShift))
    return constant_folding.binary(node, left, right)


def _joined(state: State, node: ast.JoinedStr) -> Any:
    values = [
        evaluate(state, part.value) if isinstance(part, ast.FormattedValue) else _text(part) for part in node.values
    ]
    return constant_folding.joined(node, values)


def _text(part: ast.expr) -> Any:
    return part.value if isinstance(part, ast.Constant) else Unknown(part)


def _list(state: State, node: ast.List | ast.Set) -> Any:
    return sequence(state, node.elts)


def _tuple(state: State, node: ast.Tuple) -> Any:
    return tuple(sequence(state, node.elts))


def _dict(state: State, node: ast.Dict) -> Any:
    found: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        element = evaluate(state, value)
        if key is None:
            found |= element if isinstance(element, dict) else {"**": element}
            continue
        name = evaluate(state, key)
        found[name if known(name) else source(key)] = element
    return found


def _subscript(state: State, node: ast.Subscript) -> Any:
    value, key = evaluate(state, node.value), evaluate(state, node.slice)
    return value if isinstance(value, Task) else constant_folding.subscript(node, value, key)


def _choice(state: State, node: ast.IfExp) -> Any:
    holds = truth(state, node.test)
    if holds is not None:
        return evaluate(state, node.body if holds else node.orelse)
    both = evaluate(state, node.body), evaluate(state, node.orelse)
    return both[0] if known(both[0]) and both[0] == both[1] else Unknown(node)


def _any(state: State, node: ast.BoolOp) -> Any:
    value: Any = None
    for part in node.values:
        value = evaluate(state, part)
        if not known(value):
            return Unknown(node)
        if bool(value) is isinstance(node.op, ast.Or):
            return value
    return value


def _compare(state: State, node: ast.Compare) -> Any:
    values = sequence(state, (node.left, *node.comparators))
    if len(values) != 2 or not known(values[0]):  # noqa: PLR2004 - a == b
        return Unknown(node)
    left, right = values
    if isinstance(node.ops[0], ast.Eq | ast.NotEq) and known(right):
        return (left == right) is isinstance(node.ops[0], ast.Eq)
    if isinstance(node.ops[0], ast.In | ast.NotIn) and isinstance(right, list | tuple) and all(map(known, right)):
        return (left in right) is isinstance(node.ops[0], ast.In)
    return Unknown(node)


def _unary(state: State, node: ast.UnaryOp) -> Any:
    value = evaluate(state, node.operand)
    if isinstance(node.op, ast.Not) and known(value):
        return not value
    return (
        -value if isinstance(node.op, ast.USub) and known(value) and isinstance(value, int | float) else Unknown(node)
    )


def _comprehension(state: State, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Any:
    found: list[Any] = []
    before = state.scope
    state.scope = state.scope.new_child()
    try:
        whole = _turns(state, node, list(node.generators), found)
    finally:
        state.scope = before
    if not whole:
        return Unknown(node)
    return dict(found) if isinstance(node, ast.DictComp) else found


def _turns(state: State, node: Any, generators: list[ast.comprehension], found: list[Any]) -> bool:
    """Goes through what the loops give; whether all of it is known."""
    if not generators:
        return _element(state, node, found)
    loop, *rest = generators
    each = constant_folding.items(evaluate(state, loop.iter))
    if each is None:
        state.loops.append(source(loop.iter))
    whole = each is not None
    for value in [Unknown(loop.target)] if each is None else each:
        bind(state, loop.target, value)
        tests = [truth(state, test) for test in loop.ifs]
        whole &= None not in tests
        if False not in tests:
            whole &= _turns(state, node, rest, found)
    if each is None:
        state.loops.pop()
    return whole


def _element(state: State, node: Any, found: list[Any]) -> bool:
    if not isinstance(node, ast.DictComp):
        found.append(evaluate(state, node.elt))
        return len(found) < constant_folding.MOST
    key = evaluate(state, node.key)
    found.append((key if known(key) else source(node.key), evaluate(state, node.value)))
    return known(key) and len(found) < constant_folding.MOST


def bind(state: State, target: ast.AST, value: Any) -> None:
    """Binds a name, or the names of a tuple; an element of a dict is put into it."""
    match target:
        case ast.Name(id=name):
            state.scope[name] = value
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            fits = isinstance(value, list | tuple) and len(value) == len(parts)
            for part, element in zip(parts, value if fits else [Unknown(p) for p in parts], strict=True):
                bind(state, part, element)
        case ast.Starred(value=part):
            bind(state, part, Unknown(part))
        case ast.Subscript(value=owner, slice=key):
            held, name = evaluate(state, owner), evaluate(state, key)
            if isinstance(held, dict) and known(name):
                held[name] = value
        case ast.Attribute(value=owner):
            evaluate(state, owner)


def _lambda(state: State, node: ast.Lambda) -> Any:
    body = [ast.Return(value=node.body, lineno=node.lineno, col_offset=0)]
    return Func("<lambda>", node.args, defaults(state, node.args), body, state.scope, state.module, node)


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
    ast.Set: _list,
    ast.Tuple: _tuple,
    ast.Dict: _dict,
    ast.Subscript: _subscript,
    ast.IfExp: _choice,
    ast.BoolOp: _any,
    ast.Compare: _compare,
    ast.UnaryOp: _unary,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
}
