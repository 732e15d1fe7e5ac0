"""What an expression is, found without running it; edges and calls in it are noted as they come."""

from __future__ import annotations

import ast
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import calls, classes, constant_folding, dag_methods, edges, natives
from counterpoint_migrate.inventory.container_methods import absorb, distinct
from counterpoint_migrate.inventory.flow import GOES_ON, Flow, branch, repeated
from counterpoint_migrate.inventory.heap import one_more
from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task
from counterpoint_migrate.inventory.state import Module, names_of
from counterpoint_migrate.inventory.values import (
    ABSENT,
    Bound,
    Class,
    Func,
    Instance,
    Made,
    Method,
    More,
    Partial,
    Perhaps,
    Ref,
    Super,
    Unknown,
    join,
    known,
    optional,
    source,
    sure,
    whole,
)

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
    return holds(value)


def holds(value: Any) -> bool | None:
    """Whether a value counts as true; None where it is not known."""
    if known(value) or isinstance(value, timedelta):
        return bool(value)
    if isinstance(value, list | tuple):
        certain = any(not isinstance(element, More | Perhaps) for element in value)
        return True if certain else None if value else False
    if isinstance(value, dict):
        certain = any(key != "**" and not optional(element) for key, element in value.items())
        return True if certain else None if value else False
    if isinstance(value, Unknown) and value.options:
        answers = {None if option is ABSENT else holds(option) for option in value.options}
        return answers.pop() if len(answers) == 1 else None
    return True if isinstance(value, Task | Dag | Group | Func | Class | Method | Partial) else None


def _constant(_: State, node: ast.Constant) -> Any:
    return node.value if known(node.value) else Unknown(node)


def _name(state: State, node: ast.Name) -> Any:
    return state.name(node)


def _attribute(state: State, node: ast.Attribute) -> Any:
    return attribute(state, evaluate(state, node.value), node.attr, node)


def attribute(state: State, value: Any, name: str, node: ast.AST) -> Any:
    """An attribute of a value."""
    found: Any = NotImplemented
    if isinstance(value, Module):
        found = value.scope.get(name, Unknown(node))
    elif isinstance(value, Class) and name not in _MAPPING:
        found = classes.of_class(value, name, node)
    elif isinstance(value, Instance):
        found = classes.of_object(state, value, name, node)
    elif isinstance(value, Super):
        found = classes.of_super(state, value, name, node)
    elif isinstance(value, Ref) and (name not in _MAPPING or not value.tail[:1].isupper()):
        found = Ref(f"{value.name}.{name}")
    elif isinstance(value, Task | Dag | Group):
        found = dag_methods.attribute(state, value, name, node)
    elif isinstance(value, Made) and value.name == "enum.member" and name in {"value", "name"}:
        found = value.args[name == "name"]
    elif isinstance(value, Unknown) and value.options:
        found = _of_options(state, value, name, node)
    if found is not NotImplemented:
        return found
    return constant_folding.of_path(value, name) or Bound(value, name, node)


def _of_options(state: State, value: Unknown, name: str, node: ast.AST) -> Any:
    """An attribute of what may be one of several: of each that has attributes."""
    options = [option for option in value.options if option is not None and option is not ABSENT]
    found = [attribute(state, option, name, node) for option in options]
    return join(found, node) if found and not any(isinstance(one, Bound) for one in found) else NotImplemented


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
            elif not (isinstance(value, dict) and absorb(keywords, value, keyword)):
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


def _comprehension(state: State, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Any:
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
    each = constant_folding.items(evaluate(state, loop.iter), loop.iter)
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
        tests.append(truth(state, test))
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
        key = evaluate(state, node.key)
        found.append((key, evaluate(state, node.value)))
    else:
        found.append(evaluate(state, node.elt))


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
            _put(state, evaluate(state, owner), evaluate(state, key), value, target)
        case ast.Attribute(value=owner, attr=name):
            set_attribute(state, evaluate(state, owner), name, value, target)


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


def set_attribute(state: State, held: Any, name: str, value: Any, node: ast.AST) -> None:
    """`held.name = value`."""
    holder: dict[Any, Any] | None = None
    if isinstance(held, Instance):
        holder = held.attributes
    elif isinstance(held, Class):
        holder = held.keywords
    elif isinstance(held, Module):
        holder = names_of(held)
    elif isinstance(held, Task | Dag):
        natives.set_attribute(state, held, name, value, node)
        instance = state.facts.instances.get(held)
        holder = None if instance is None else instance.attributes
    elif isinstance(held, Unknown):
        for option in held.options:
            set_attribute(state, option, name, Unknown(node), node)
    if holder is not None:
        state.heap.touch(holder)
        holder[name] = value


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
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
}
