"""Methods of lists, sets and dicts whose contents are known; what is not modelled makes them unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.constant_folding import MOST
from counterpoint_migrate.inventory.ordering import ordered
from counterpoint_migrate.inventory.values import (
    ABSENT,
    Bound,
    More,
    Perhaps,
    Unknown,
    join,
    known,
    optional,
    present,
    same,
    sure,
    whole,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.state import State

_PURE = {"index", "count", "issubset", "issuperset", "isdisjoint", "__len__", "__contains__", "__getitem__"}
_SETS = {"union", "intersection", "difference", "symmetric_difference"}


def of_container(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """A method of a list, set or dict."""
    if isinstance(callee.value, list):
        return _of_list(state, callee, args, keywords, node)
    return _of_dict(state, callee, args, keywords, node)


def _of_list(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    value, name = callee.value, callee.name
    if name == "copy":
        return list(value)
    if name in _PURE or name in _SETS:
        return _of_set(value, name, args, node)
    state.heap.touch(value)
    if name == "sort":
        return _sort(state, value, keywords, node)
    method = _LIST.get(name)
    result = method(value, list(args), node) if method is not None and not keywords else NotImplemented
    if result is NotImplemented or len(value) > MOST:
        state.heap.doubt([value, *args], node)
        return Unknown(node)
    return result


def _of_set(value: list[Any], name: str, args: Sequence[Any], node: ast.AST) -> Any:
    if name == "union" and all(isinstance(arg, list | tuple) for arg in args):
        return distinct([*value, *(element for arg in args for element in arg)]) or Unknown(node)
    if name == "difference" and all(map(_constants, [value, *args])):
        return [element for element in value if not any(element in arg for arg in args)]
    return [Perhaps(element, name) for element in value] + [More(node)] if name in _SETS else Unknown(node)


def _constants(value: Any) -> bool:
    return sure(value) and all(map(known, value))


def distinct(values: list[Any]) -> list[Any] | None:
    """The elements of a set, None where it is not known which are equal."""
    if not _constants(values):
        return values if len(values) <= 1 else None
    return list(dict.fromkeys(values))


def _sort(state: State, value: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    result = ordered(state, value, keywords, node)
    if result is None:
        state.heap.doubt(value, node)
    else:
        value[:] = result
    return None


def position(values: Sequence[Any], value: Any) -> int | None:
    """Where an element stands, -1 if nowhere, None where it is not known."""
    for number, element in enumerate(values):
        if same(element, value) or (known(element) and known(value) and element == value):
            return number
        if not (known(element) and known(value)):
            return None
    return -1


def _append(value: list[Any], args: list[Any], _: ast.AST) -> Any:
    return value.append(args[0]) if len(args) == 1 else NotImplemented


def _extend(value: list[Any], args: list[Any], node: ast.AST) -> Any:
    if len(args) != 1 or not isinstance(args[0], list | tuple | dict):
        value.append(More(node))
        return None
    more = args[0]
    if isinstance(more, dict):
        value.extend(more if whole(more) else [More(node)])
        return None
    value.extend(list(more))
    return None


def _insert(value: list[Any], args: list[Any], _: ast.AST) -> Any:
    if len(args) == 2 and isinstance(args[0], int) and sure(value):  # noqa: PLR2004 - index and element
        return value.insert(args[0], args[1])
    return NotImplemented


def _pop(value: list[Any], args: list[Any], _: ast.AST) -> Any:
    index = args[0] if args else -1
    if not sure(value) or not isinstance(index, int) or not -len(value) <= index < len(value):
        return NotImplemented
    return value.pop(index)


def _remove(value: list[Any], args: list[Any], _: ast.AST) -> Any:
    index = position(value, args[0]) if args and sure(value) else None
    if index is None or index < 0:
        return NotImplemented
    del value[index]
    return None


def _discard(value: list[Any], args: list[Any], node: ast.AST) -> Any:
    index = position(value, args[0]) if args and sure(value) else None
    return None if index == -1 else _remove(value, args, node)


def _add(value: list[Any], args: list[Any], _: ast.AST) -> Any:
    index = position(value, args[0]) if len(args) == 1 and sure(value) else None
    if index is None:
        return NotImplemented
    return None if index >= 0 else value.append(args[0])


def _clear(value: list[Any], _: list[Any], __: ast.AST) -> Any:
    return value.clear()


def _reverse(value: list[Any], _: list[Any], __: ast.AST) -> Any:
    return value.reverse() if sure(value) else NotImplemented


def _update(value: list[Any], args: list[Any], node: ast.AST) -> Any:
    if not all(isinstance(arg, list | tuple) for arg in args):
        return NotImplemented
    for arg in args:
        for element in arg:
            if _add(value, [element], node) is NotImplemented:
                return NotImplemented
    return None


_LIST: dict[str, Callable[[list[Any], list[Any], ast.AST], Any]] = {
    "append": _append,
    "extend": _extend,
    "insert": _insert,
    "pop": _pop,
    "remove": _remove,
    "discard": _discard,
    "add": _add,
    "clear": _clear,
    "reverse": _reverse,
    "update": _update,
}


def _of_dict(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    value, name = callee.value, callee.name
    if name in _VIEWS and not args:
        return _VIEWS[name](value, node)
    if name == "get" and args:
        return lookup(value, args[0], args[1] if len(args) > 1 else None, node)
    state.heap.touch(value)
    method = _DICT.get(name)
    result = method(value, list(args), keywords, node) if method is not None else NotImplemented
    if result is NotImplemented:
        if name not in {"get", "__contains__", "__getitem__", "__len__"}:
            state.heap.doubt([value, *args], node)
        return Unknown(node)
    return result


def lookup(value: dict[Any, Any], key: Any, default: Any, node: ast.AST) -> Any:
    """An element of a dict, or a default."""
    if not known(key):
        return Unknown(node)
    if key not in value:
        return Unknown(node) if "**" in value else default
    held = value[key]
    return join([present(held), default], node) if optional(held) else held


def _element(value: dict[Any, Any], key: Any, element: Any) -> Any:
    return Perhaps(element, f"{key} is given") if optional(value[key]) else element


def _items(value: dict[Any, Any], node: ast.AST) -> list[Any]:
    pairs = [_element(value, key, (key, present(held))) for key, held in value.items() if key != "**"]
    return _rest(value, pairs, node)


def _keys(value: dict[Any, Any], node: ast.AST) -> list[Any]:
    return _rest(value, [_element(value, key, key) for key in value if key != "**"], node)


def _values(value: dict[Any, Any], node: ast.AST) -> list[Any]:
    return _rest(value, [_element(value, key, present(held)) for key, held in value.items() if key != "**"], node)


def _rest(value: dict[Any, Any], elements: list[Any], node: ast.AST) -> list[Any]:
    return [*elements, More(node)] if "**" in value else elements


_VIEWS: dict[str, Callable[[dict[Any, Any], ast.AST], Any]] = {
    "items": _items,
    "keys": _keys,
    "values": _values,
    "copy": lambda value, _: dict(value),
}


def put(value: dict[Any, Any], key: Any, element: Any) -> None:
    """Puts an element of another dict into one: what may not be there leaves what was."""
    if optional(element):
        element = join([present(element), value.get(key, ABSENT)], element.node)
    value[key] = element


def absorb(value: dict[Any, Any], other: Any, node: ast.AST) -> bool:
    """Puts all of another dict, or pairs, into one; whether that is modelled."""
    if isinstance(other, dict):
        if "**" in other:
            value.update(dict.fromkeys(value, Unknown(node)))
        for key, element in other.items():
            put(value, key, element)
        return True
    if sure(other) and all(sure(pair) and len(pair) == 2 and known(pair[0]) for pair in other):  # noqa: PLR2004
        value.update({pair[0]: pair[1] for pair in other})
        return True
    return False


def _merge(value: dict[Any, Any], args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not all(absorb(value, other, node) for other in args):
        return NotImplemented
    absorb(value, keywords, node)
    return None


def _take(value: dict[Any, Any], args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if keywords or not args or not known(args[0]):
        return NotImplemented
    found = lookup(value, args[0], args[1] if len(args) > 1 else Unknown(node), node)
    value.pop(args[0], None)
    return found


def _default(value: dict[Any, Any], args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if keywords or not args or not known(args[0]) or ("**" in value and args[0] not in value):
        return NotImplemented
    value[args[0]] = lookup(value, args[0], args[1] if len(args) > 1 else None, node)
    return value[args[0]]


def _empty(value: dict[Any, Any], _: list[Any], __: dict[str, Any], ___: ast.AST) -> Any:
    return value.clear()


_DICT: dict[str, Callable[[dict[Any, Any], list[Any], dict[str, Any], ast.AST], Any]] = {
    "update": _merge,
    "pop": _take,
    "setdefault": _default,
    "clear": _empty,
}
