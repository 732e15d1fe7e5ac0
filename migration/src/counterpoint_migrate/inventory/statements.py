"""Goes through statements in their order, without running them: both sides of what is not known."""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import calls, constant_folding, loops
from counterpoint_migrate.inventory.attributes import set_attribute
from counterpoint_migrate.inventory.binding import bind
from counterpoint_migrate.inventory.container_methods import absorb
from counterpoint_migrate.inventory.definitions import define_class, define_function
from counterpoint_migrate.inventory.expressions import evaluate, truth
from counterpoint_migrate.inventory.flow import GOES_ON, Flow, branch, leaving
from counterpoint_migrate.inventory.inventory_model import Dag
from counterpoint_migrate.inventory.values import Func, Instance, Made, Ref, Unknown, known, source, sure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.state import Module, State


def execute(state: State, body: Sequence[ast.stmt]) -> Flow:
    """Goes through statements; how they end."""
    leaves: frozenset[str] = frozenset()
    for number, node in enumerate(body):
        state.step()
        flow = _KINDS.get(type(node), _other)(state, node)
        leaves |= flow.leaves
        if not flow.goes_on:
            return Flow(goes_on=False, leaves=leaves)
        rest = body[number + 1 :] if flow.leaves else ()
        if flow.leaves and not rest:
            return Flow(goes_on=True, leaves=leaves, unless=flow.unless)
        if flow.leaves:
            later = _remaining(state, node, flow, rest)
            return Flow(later.goes_on, leaves | later.leaves, later.unless or flow.unless)
    return GOES_ON


def _remaining(state: State, node: ast.stmt, flow: Flow, rest: Sequence[ast.stmt]) -> Flow:
    """What follows a statement that may have left the function or loop."""
    ends: list[Flow] = []

    def run() -> Flow:
        ends.append(execute(state, rest))
        return ends[-1]

    gone = Flow(goes_on=False, leaves=flow.leaves)
    branch(state, node, [(flow.unless, run), (f"not ({flow.unless})", lambda: gone)])
    return ends[0]


def _other(state: State, node: ast.stmt) -> Flow:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(state, child)
    return GOES_ON


def _expression(state: State, node: ast.Expr) -> Flow:
    value = evaluate(state, node.value)
    ends = isinstance(value, Made) and value.name in {"sys.exit", "builtins.exit", "builtins.quit", "os._exit"}
    return leaving("raise") if ends else GOES_ON


def _assign(state: State, node: ast.Assign) -> Flow:
    value = evaluate(state, node.value)
    for target in node.targets:
        bind(state, target, value)
    return GOES_ON


def _annotated(state: State, node: ast.AnnAssign) -> Flow:
    if node.value is not None:
        bind(state, node.target, evaluate(state, node.value))
    return GOES_ON


def _augmented(state: State, node: ast.AugAssign) -> Flow:
    held = evaluate(state, node.target)
    if isinstance(held, list | dict) and isinstance(node.op, ast.Add | ast.BitOr):
        _grown(state, held, evaluate(state, node.value), node)
        return GOES_ON
    whole = ast.BinOp(left=node.target, op=node.op, right=node.value, lineno=node.lineno, col_offset=0)
    bind(state, node.target, evaluate(state, whole))
    return GOES_ON


def _grown(state: State, held: list[Any] | dict[Any, Any], more: Any, node: ast.AugAssign) -> None:
    """`held += more`, which changes a list itself, as it does all other names of it."""
    state.heap.touch(held)
    if isinstance(held, list):
        added = constant_folding.items(more, node) if isinstance(node.op, ast.Add) else None
        if added is None or len(held) + len(added) > constant_folding.MOST:
            state.heap.doubt(held, node)
        else:
            held.extend(added)
    elif not absorb(held, more, node):
        state.heap.doubt(held, node)


def _delete(state: State, node: ast.Delete) -> Flow:
    for target in node.targets:
        if isinstance(target, ast.Name):
            scope = state.declared[-1].get(target.id, state.local)
            state.heap.touch(scope)
            scope.pop(target.id, None)
        elif isinstance(target, ast.Subscript):
            _removed(state, evaluate(state, target.value), evaluate(state, target.slice), target)
        elif isinstance(target, ast.Attribute):
            set_attribute(state, evaluate(state, target.value), target.attr, Unknown(target), target)
    return GOES_ON


def _removed(state: State, held: Any, key: Any, node: ast.AST) -> None:
    """`del held[key]`."""
    if isinstance(held, dict) and known(key):
        state.heap.touch(held)
        held.pop(key, None)
    elif isinstance(held, list) and sure(held) and isinstance(key, int | slice):
        state.heap.touch(held)
        if isinstance(key, slice) or -len(held) <= key < len(held):
            del held[key]
    else:
        state.heap.doubt(held, node)


def _global(state: State, node: ast.Global) -> Flow:
    state.declare(node.names, everywhere=True)
    return GOES_ON


def _nonlocal(state: State, node: ast.Nonlocal) -> Flow:
    state.declare(node.names, everywhere=False)
    return GOES_ON


def _import(state: State, node: ast.Import) -> Flow:
    for alias in node.names:
        name = alias.name if alias.asname else alias.name.partition(".")[0]
        state.bind(alias.asname or name, state.load(state, name) or Ref(name))
    return GOES_ON


def _import_from(state: State, node: ast.ImportFrom) -> Flow:
    origin = "." * node.level + (node.module or "")
    module = state.load(state, origin)
    for alias in node.names:
        if alias.name == "*":
            if module is None:
                state.module.stars.append(origin)
            else:
                for name, value in module.scope.items():
                    state.bind(name, value)
            continue
        state.bind(alias.asname or alias.name, _imported(state, origin, alias.name, module))
    return GOES_ON


def _imported(state: State, origin: str, name: str, module: Module | None) -> Any:
    if module is not None and name in module.scope:
        return module.scope[name]
    inner = state.load(state, f"{origin}{'' if origin.endswith('.') else '.'}{name}")
    return inner or Ref(f"{origin.lstrip('.')}.{name}".lstrip("."))


def _function(state: State, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Flow:
    define_function(state, node)
    return GOES_ON


def _class(state: State, node: ast.ClassDef) -> Flow:
    define_class(state, node)
    return GOES_ON


def _with(state: State, node: ast.With | ast.AsyncWith) -> Flow:
    return _within(state, list(node.items), node.body)


def _within(state: State, items: list[ast.withitem], body: Sequence[ast.stmt]) -> Flow:
    if not items:
        return execute(state, body)
    first, *rest = items
    value = evaluate(state, first.context_expr)
    if isinstance(value, Instance) and value.native:
        value = value.native[-1]
    if first.optional_vars is not None:
        bind(state, first.optional_vars, value)
    if isinstance(value, Made) and value.name == "contextlib.suppress":
        return _suppressed(state, first, lambda: _within(state, rest, body))
    if isinstance(value, Dag):
        value.entered |= any(isinstance(inner, ast.Call) for part in body for inner in ast.walk(part))
    with state.around(value):
        return _within(state, rest, body)


def _suppressed(state: State, item: ast.withitem, run: Callable[[], Flow]) -> Flow:
    state.tries += 1
    try:
        text = f"{source(item.context_expr)} has nothing to suppress"
        return branch(state, item.context_expr, [(text, run), (f"not ({text})", lambda: GOES_ON)]).without("raise")
    finally:
        state.tries -= 1


def _for(state: State, node: ast.For | ast.AsyncFor) -> Flow:
    value = evaluate(state, node.iter)
    elements = constant_folding.items(value, node.iter)
    flow = loops.over(state, node, elements, lambda: execute(state, node.orelse))
    if isinstance(value, list) and elements is not None and not _alike(value, elements):
        detail = f"the loop over {source(node.iter)} changes what it goes through: more or fewer turns may be made"
        state.unresolved("loop", node, detail)
    return flow


def _alike(value: list[Any], elements: list[Any]) -> bool:
    return len(value) == len(elements) and all(map(operator.is_, value, elements))


def _while(state: State, node: ast.While) -> Flow:
    return loops.while_true(state, node, lambda: execute(state, node.orelse))


def _if(state: State, node: ast.If) -> Flow:
    test = source(node.test) if isinstance(node.test, ast.Compare) else ""
    if test.startswith("__name__ == "):
        return execute(state, node.orelse)
    answer = truth(state, node.test)
    if answer is not None:
        return execute(state, node.body if answer else node.orelse)
    text = source(node.test)
    ways = [(text, lambda: execute(state, node.body)), (f"not ({text})", lambda: execute(state, node.orelse))]
    return branch(state, node, ways)


def _try(state: State, node: ast.Try) -> Flow:
    place = state.place(node)
    if not node.handlers or all(_ends_in_raise(handler.body) for handler in node.handlers):
        flow = execute(state, node.body)
        _failed(state, node, place)
    else:
        flow = _caught(state, node, place)
    if flow.goes_on or not node.finalbody:
        later = execute(state, node.finalbody)
        return Flow(flow.goes_on and later.goes_on, flow.leaves | later.leaves, later.unless or flow.unless)
    execute(state, node.finalbody)
    return flow


def _failed(state: State, node: ast.Try, place: str) -> None:
    """Handlers after which nothing goes on: what they do is read, and leaves no trace."""
    for handler in node.handlers:
        with state.heap.undone(), state.under(f"the try at {place} fails"):
            execute(state, handler.body)
    execute(state, node.orelse)


def _caught(state: State, node: ast.Try, place: str) -> Flow:
    state.tries += 1
    fails = f"the try at {place} fails"

    def way(handler: ast.ExceptHandler) -> Callable[[], Flow]:
        def run() -> Flow:
            state.tries -= 1
            try:
                if handler.name:
                    state.bind(handler.name, Unknown(handler))
                return execute(state, handler.body)
            finally:
                state.tries += 1

        return run

    def whole() -> Flow:
        return execute(state, [*node.body, *node.orelse])

    try:
        ways = [(f"the try at {place} does not fail", whole), *((fails, way(handler)) for handler in node.handlers)]
        flow = branch(state, node, ways, failing=True)
    finally:
        state.tries -= 1
    return Flow(flow.goes_on, flow.leaves - {"raise"}, flow.unless) if flow.goes_on else flow


def _ends_in_raise(body: Sequence[ast.stmt]) -> bool:
    last = body[-1]
    call = last.value if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) else None
    return isinstance(last, ast.Raise) or (call is not None and source(call.func) in {"sys.exit", "exit"})


def _return(state: State, node: ast.Return) -> Flow:
    value = evaluate(state, node.value) if node.value is not None else None
    if state.returned and not _is_generator(state):
        state.returned[-1].append(value)
    return leaving("return")


def _is_generator(state: State) -> bool:
    return bool(state.generators and state.generators[-1])


def _raise(state: State, node: ast.Raise) -> Flow:
    _other(state, node)
    return leaving("raise")


def _break(_: State, __: ast.Break) -> Flow:
    return leaving("break")


def _continue(_: State, __: ast.Continue) -> Flow:
    return leaving("continue")


def _match(state: State, node: ast.Match) -> Flow:
    subject = evaluate(state, node.subject)
    text = source(node.subject)
    ways: list[tuple[str, Callable[[], Flow]]] = []
    for case in node.cases:
        answer = _matches(state, subject, case)
        if answer is False:
            continue
        ways.append((f"match {text}", lambda case=case: _case(state, case, subject)))  # type: ignore[misc]
        if answer:
            break
    else:
        ways.append((f"match {text}", lambda: GOES_ON))
    return ways[0][1]() if len(ways) == 1 else branch(state, node, ways)


def _matches(state: State, subject: Any, case: ast.match_case) -> bool | None:
    """Whether a case is taken; None where it is not known."""
    patterns = case.pattern.patterns if isinstance(case.pattern, ast.MatchOr) else [case.pattern]
    answers: list[bool | None] = []
    for pattern in patterns:
        if isinstance(pattern, ast.MatchValue):
            answers.append(constant_folding.compared(ast.Eq(), subject, evaluate(state, pattern.value)))
        elif isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
            answers.append(True)
        else:
            answers.append(None)
    matched = True if True in answers else None if None in answers else False
    if not matched or case.guard is None:
        return matched
    return truth(state, case.guard)


def _case(state: State, case: ast.match_case, subject: Any) -> Flow:
    for pattern in ast.walk(case.pattern):
        if isinstance(pattern, ast.MatchAs) and pattern.name is not None:
            state.bind(pattern.name, subject if pattern is case.pattern else Unknown(pattern))
        elif isinstance(pattern, ast.MatchStar) and pattern.name is not None:
            state.bind(pattern.name, Unknown(pattern))
    return execute(state, case.body)


_KINDS: dict[type[ast.stmt], Callable[[State, Any], Flow]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Delete: _delete,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.If: _if,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Match: _match,
}


def unfollowed(state: State, tree: ast.Module) -> None:
    """Reads the functions that make DAGs but are called from nowhere in the folder, with unknown arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node not in state.facts.followed and _makes_dags(node):
            state.unresolved("dag_factory", node, f"{node.name} makes DAGs, and is not called in this folder")
            found = define_function(state, node)
            before = len(state.facts.dags)
            if isinstance(found, Func):
                calls.called(state, found, [], {"**": Unknown(node)}, node)
            for dag in state.facts.dags[before:]:
                dag.condition = dag.condition or f"{node.name} is called"


def _makes_dags(node: ast.FunctionDef) -> bool:
    names = [decorator.func if isinstance(decorator, ast.Call) else decorator for decorator in node.decorator_list]
    if any(_last(name) == "dag" for name in names):
        return True
    return any(isinstance(inner, ast.Call) and _last(inner.func) == "DAG" for inner in ast.walk(node))


def _last(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
