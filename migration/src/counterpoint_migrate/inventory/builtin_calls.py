"""Built-in functions, and those of `copy` and `itertools`, of values that are known; anything else is unknown."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.classes import of_class, of_object
from counterpoint_migrate.inventory.constant_folding import MOST_ITEMS, items
from counterpoint_migrate.inventory.container_methods import absorb, distinct
from counterpoint_migrate.inventory.inventory_model import Dag, Task
from counterpoint_migrate.inventory.ordering import ordered
from counterpoint_migrate.inventory.values import (
    Bound,
    Class,
    Instance,
    More,
    Perhaps,
    Super,
    Unknown,
    known,
    sure,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.state import State

    Call = Callable[[State, list[Any], dict[str, Any], ast.AST], Any]


def computed(state: State, name: str, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """What a built-in function gives; None where it is none of those."""
    call = _CALLS.get(name)
    if call is None:
        return None
    result = call(state, list(args), keywords, node)
    return Unknown(node) if result is NotImplemented else result


def _list(_: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not args and not keywords:
        return []
    elements = items(args[0], node) if len(args) == 1 and not keywords else None
    return NotImplemented if elements is None else elements


def _tuple(state: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    elements = _list(state, args, keywords, node)
    return NotImplemented if elements is NotImplemented else tuple(elements)


def _set(state: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    elements = _list(state, args, keywords, node)
    found = None if elements is NotImplemented else distinct(elements)
    return NotImplemented if found is None else found


def _dict(_: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    found: dict[Any, Any] = {}
    if not all(absorb(found, arg, node) for arg in args):
        found["**"] = Unknown(node)
    absorb(found, keywords, node)
    return found


def _enumerate(_: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    start = args[1] if len(args) > 1 else keywords.get("start", 0)
    elements = items(args[0], node) if args else None
    if elements is None or not sure(elements) or not isinstance(start, int) or keywords.keys() - {"start"}:
        return NotImplemented
    return list(enumerate(elements, start))


def _zip(_: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    rows = [items(arg, node) for arg in args]
    if keywords.keys() - {"strict"} or not all(row is not None and sure(row) for row in rows):
        return NotImplemented
    return list(zip(*(row for row in rows if row is not None), strict=False))


def _len(_: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    elements = [*args[0]] if len(args) == 1 and isinstance(args[0], str) else items(args[0], node) if args else None
    return len(elements) if elements is not None and sure(elements) and not keywords else NotImplemented


def _sorted(state: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    elements = items(args[0], node) if len(args) == 1 else None
    found = None if elements is None else ordered(state, elements, keywords, node)
    return NotImplemented if found is None else found


def _reversed(_: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    elements = items(args[0], node) if len(args) == 1 and not keywords else None
    return elements[::-1] if elements is not None and sure(elements) else NotImplemented


def _range(_: State, args: list[Any], keywords: dict[str, Any], __: ast.AST) -> Any:
    if keywords or not 1 <= len(args) <= 3 or not all(isinstance(arg, int) for arg in args):  # noqa: PLR2004
        return NotImplemented
    numbers = range(*args) if 0 not in args[2:] else range(0)
    return list(numbers) if len(numbers) <= MOST_ITEMS else NotImplemented


def _map(state: State, args: list[Any], _: dict[str, Any], node: ast.AST) -> Any:
    elements = items(args[1], node) if len(args) == 2 else None  # noqa: PLR2004 - function and list
    if elements is None or not sure(elements):
        return NotImplemented
    return [state.call(state, args[0], [element], {}, node) for element in elements]


def _extreme(choose: Callable[[Any], Any]) -> Call:
    def of(_: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        values = items(args[0], node) if len(args) == 1 else args
        if keywords or not values or not sure(values):
            return NotImplemented
        if all(isinstance(one, int | float) for one in values):
            return choose(values)
        alike = choose is not sum and all(isinstance(one, str) for one in values)
        return choose(values) if alike else NotImplemented

    return of


def _converted(kind: type) -> Call:
    def of(_: State, args: list[Any], keywords: dict[str, Any], __: ast.AST) -> Any:
        if len(args) != 1 or keywords or not known(args[0]):
            return NotImplemented
        try:
            value = kind(args[0])
        except (TypeError, ValueError, OverflowError):
            return NotImplemented
        return value if known(value) else NotImplemented

    return of


def _copied(_: State, args: list[Any], __: dict[str, Any], ___: ast.AST) -> Any:
    value = args[0] if len(args) == 1 else None
    if isinstance(value, Instance):
        return Instance(value.made_of, value.node, dict(value.attributes), module=value.module)
    if isinstance(value, list | dict):
        return value.copy()
    return NotImplemented if value is None or isinstance(value, Task | Dag) else value


def _deep(_: State, args: list[Any], __: dict[str, Any], node: ast.AST) -> Any:
    return deep_copy(args[0], {}, node) if args else NotImplemented


def deep_copy(value: Any, memo: dict[int, Any], node: ast.AST) -> Any:
    """A copy of a value and of all that it holds."""
    if id(value) in memo:
        return memo[id(value)]

    def copied(inner: Any) -> Any:
        return deep_copy(inner, memo, node)

    match value:
        case list():
            result: Any = memo.setdefault(id(value), [])
            result += map(copied, value)
        case dict():
            result = memo.setdefault(id(value), {})
            result.update({key: copied(element) for key, element in value.items()})
        case Instance():
            result = memo.setdefault(id(value), Instance(value.made_of, value.node, {}, module=value.module))
            result.attributes.update(copied(value.attributes))
        case tuple():
            result = tuple(map(copied, value))
        case Perhaps():
            result = Perhaps(copied(value.value), value.condition)
        case Unknown():
            result = Unknown(value.node, tuple(map(copied, value.options)))
        case Task() | Dag():
            result = Unknown(node)
        case _:
            result = value
    return result


def _getattr(state: State, args: list[Any], _: dict[str, Any], node: ast.AST) -> Any:
    if len(args) < 2 or not isinstance(args[1], str):  # noqa: PLR2004 - object and name
        return NotImplemented
    value = args[0]
    if isinstance(value, Instance):
        found = of_object(state, value, args[1], node)
    elif isinstance(value, Class):
        found = of_class(value, args[1], node)
    else:
        return Bound(value, args[1], node) if len(args) == 2 else NotImplemented  # noqa: PLR2004
    return found if not isinstance(found, Bound) or len(args) == 2 else NotImplemented  # noqa: PLR2004


def _setattr(state: State, args: list[Any], _: dict[str, Any], node: ast.AST) -> Any:
    if len(args) == 3 and isinstance(args[0], Instance):  # noqa: PLR2004 - object, name and value
        attributes = args[0].attributes
        if isinstance(args[1], str):
            state.heap.touch(attributes)
            attributes[args[1]] = args[2]
        else:
            state.heap.doubt(attributes, node)
    return None


def _super(state: State, args: list[Any], _: dict[str, Any], __: ast.AST) -> Any:
    owner = args[0] if args else state.scope.get("__class__")
    holder = args[1] if len(args) > 1 else next(iter(state.scope.maps[0].values()), None)
    return Super(owner, holder) if isinstance(owner, Class) else NotImplemented


def _product(_: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    rows = [items(arg, node) for arg in args]
    if keywords or not all(row is not None and sure(row) for row in rows):
        return NotImplemented
    found = list(itertools.islice(itertools.product(*(row for row in rows if row is not None)), MOST_ITEMS + 1))
    return found if len(found) <= MOST_ITEMS else NotImplemented


def _chained(_: State, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    rows = [items(arg, node) for arg in args]
    found = [element for row in rows for element in (row if row is not None else [More(node)])]
    return NotImplemented if keywords else found


_CALLS: dict[str, Call] = {
    "builtins.list": _list,
    "builtins.iter": _list,
    "builtins.tuple": _tuple,
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "builtins.dict": _dict,
    "collections.OrderedDict": _dict,
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.len": _len,
    "builtins.sorted": _sorted,
    "builtins.reversed": _reversed,
    "builtins.range": _range,
    "builtins.map": _map,
    "builtins.max": _extreme(max),
    "builtins.min": _extreme(min),
    "builtins.sum": _extreme(sum),
    "builtins.int": _converted(int),
    "builtins.bool": _converted(bool),
    "builtins.abs": _converted(abs),  # type: ignore[arg-type]
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.super": _super,
    "copy.copy": _copied,
    "copy.deepcopy": _deep,
    "itertools.product": _product,
    "itertools.chain": _chained,
}
