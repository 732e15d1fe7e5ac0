"""Functions of the folder, followed with the arguments of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.values import Func, Method, More, Partial, Perhaps, Unknown, join, optional, present

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.inventory_model import Uses
    from counterpoint_migrate.inventory.state import State

_DEEPEST = 12


def followed(state: State, func: Func, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """What a function of the folder returns, read with these arguments."""
    state.facts.followed.add(func.node)
    if func.node in state.calls or len(state.calls) >= _DEEPEST:
        return _too_deep(state, func, args, keywords, node)
    scope = func.scope.new_child()
    scope.update(bound(func, args, keywords))
    if func.owner is not None:
        scope["__class__"] = func.owner
    tries = state.tries
    with state.within(func, scope, node):
        flow = state.execute(state, func.body)
        results = state.returned[-1]
        state.tries = tries
        if func.yields:
            return _yielded(results, node)
        return join([*results, None] if flow.goes_on else results, node) if results else None


def _too_deep(state: State, func: Func, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """A function that calls itself, or a chain of calls that is too long."""
    if state.user is None:
        state.heap.doubt([*args, *keywords.values()], node)
        state.unresolved("too_deep", node, f"the call of {func.name} is too deep to follow: what it makes is not known")
    return Unknown(node)


def _yielded(results: list[Any], node: ast.AST) -> Any:
    return [*results, More(node)] if any(isinstance(one, Perhaps) for one in results) else results


def bound(func: Func, args: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """The values of the parameters of a function in a call."""
    given = func.arguments
    plain = [arg.arg for arg in (*given.posonlyargs, *given.args)]
    nodes = {arg.arg: arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
    by_position, spread = _positions(args)
    found: dict[str, Any] = {name: Unknown(node) for name, node in nodes.items()}
    if not spread and "**" not in keywords:
        found |= func.defaults
    found |= dict(zip(plain, by_position, strict=False))
    for name, value in keywords.items():
        if name in nodes:
            found[name] = _given(value, func.defaults.get(name, Unknown(nodes[name])))
    if given.vararg:
        found[given.vararg.arg] = (*by_position[len(plain) :], *([More(given.vararg)] if spread else []))
    if given.kwarg:
        found[given.kwarg.arg] = {name: value for name, value in keywords.items() if name not in nodes}
    return found


def _given(value: Any, default: Any) -> Any:
    """An argument that may not be given has its default then."""
    return join([present(value), default], value.node) if optional(value) else value


def _positions(args: Sequence[Any]) -> tuple[list[Any], bool]:
    """The arguments whose place is known, and whether others follow."""
    for number, arg in enumerate(args):
        if isinstance(arg, More | Perhaps):
            return list(args[:number]), True
    return list(args), False


def scan(state: State, func: Any, args: Sequence[Any], keywords: dict[str, Any], found: Uses, node: ast.AST) -> None:
    """Notes what the code of a task uses."""
    while isinstance(func, Partial):
        args, keywords, func = [*func.args, *args], {**func.keywords, **keywords}, func.callee
    for option in func.options if isinstance(func, Unknown) else (func,):
        target, given = (option.func, [option.holder, *args]) if isinstance(option, Method) else (option, args)
        if isinstance(target, Func):
            with state.using(found):
                followed(state, target, given, keywords, node)
