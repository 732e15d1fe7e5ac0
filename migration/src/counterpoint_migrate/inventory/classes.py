"""Classes of the folder: their objects, attributes and methods."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.functions import followed
from counterpoint_migrate.inventory.values import (
    ABSENT,
    Bound,
    Class,
    Func,
    Instance,
    Made,
    Method,
    Super,
    Unknown,
    optional,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State

_ENUM = re.compile(r"^enum\.\w+$")
_OWN_FIELDS = re.compile(r"^(dataclasses\.dataclass|attrs?\.\w+|typing\.NamedTuple|pydantic\.\w+)$")
_PLAIN_BASES = re.compile(r"^(builtins\.object|abc\.ABC|typing\.\w+|typing_extensions\.\w+|enum\.\w+)$")


def has_fields(name: str) -> bool:
    """Whether a decorator or base class makes `__init__` from the annotated fields."""
    return _OWN_FIELDS.match(name) is not None


def of_object(state: State, value: Instance, name: str, node: ast.AST) -> Any:
    """An attribute of an object of a class of the folder."""
    own = value.attributes.get(name, ABSENT)
    if own is not ABSENT and not optional(own):
        return own
    found = _bound(state, value.made_of.find(name), value, node)
    if found is ABSENT:
        return Bound(value, name, node)
    return found if own is ABSENT and "**" not in value.attributes else Unknown(node)


def of_class(value: Class, name: str, node: ast.AST) -> Any:
    """An attribute of a class of the folder."""
    found = value.find(name)
    if found is ABSENT:
        return Bound(value, name, node)
    if isinstance(found, Func):
        return Method(found, value) if "classmethod" in found.marks else found
    if any(_ENUM.match(base) for base in value.outside()):
        return Made("enum.member", [found, name], {}, node)
    return found


def of_super(state: State, value: Super, name: str, node: ast.AST) -> Any:
    """An attribute behind the class whose method it is."""
    made_of = value.holder.made_of if isinstance(value.holder, Instance) else value.owner
    found = _bound(state, made_of.find(name, value.owner), value.holder, node)
    return Bound(value, name, node) if found is ABSENT else found


def _bound(state: State, found: Any, holder: Any, node: ast.AST) -> Any:
    if not isinstance(found, Func):
        return found
    if "staticmethod" in found.marks:
        return found
    if "property" in found.marks:
        return followed(state, found, [holder], {}, node)
    return Method(found, holder.made_of if "classmethod" in found.marks and isinstance(holder, Instance) else holder)


def initialized(
    state: State, value: Instance, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST
) -> Instance:
    """Runs the `__init__` of an object."""
    init = value.made_of.find("__init__")
    fields = next((one.fields for one in value.made_of.lineage() if one.fields is not None), None)
    if isinstance(init, Func):
        followed(state, init, [value, *args], keywords, node)
    elif fields is not None:
        _filled(state, value, fields, args, keywords, node)
    elif not native_base(value.made_of) and _unknown_bases(value.made_of):
        value.attributes.update(keywords | {"**": Unknown(node)})
    return value


def _filled(
    state: State,
    value: Instance,
    fields: Sequence[str],
    args: Sequence[Any],
    keywords: dict[str, Any],
    node: ast.AST,
) -> None:
    for name in fields:
        default = value.made_of.find(name)
        value.attributes[name] = _default(state, default, node)
    if "**" in keywords:
        value.attributes.update(dict.fromkeys(fields, Unknown(node)))
    value.attributes.update(dict(zip(fields, args, strict=False)) | keywords)
    after = value.made_of.find("__post_init__")
    if isinstance(after, Func):
        followed(state, after, [value], {}, node)


def _default(state: State, default: Any, node: ast.AST) -> Any:
    if isinstance(default, Made) and default.name.rpartition(".")[2] in {"field", "Field", "ib", "attrib"}:
        factory = default.keywords.get("default_factory", default.keywords.get("factory"))
        if factory is not None:
            return state.call(state, factory, [], {}, node)
        return default.keywords.get("default", default.args[0] if default.args else Unknown(node))
    return Unknown(node) if default is ABSENT else default


def native_base(value: Class) -> bool:
    """Whether a class of the folder is a DAG or an operator."""
    tail = value.base.rpartition(".")[2]
    return tail == "DAG" or is_operator_name(tail)


_OPERATOR = re.compile(r"(Operator|OperatorAsync|Sensor|SensorAsync|ExternalTaskMarker|BaseOperator\w*)$")


def is_operator_name(tail: str) -> bool:
    """Whether a class of that name is an operator."""
    return _OPERATOR.search(tail) is not None


def _unknown_bases(value: Class) -> bool:
    return any(not _PLAIN_BASES.match(name) and not has_fields(name) for name in value.outside()) or any(
        isinstance(base, Unknown) for one in value.lineage() for base in one.bases
    )
