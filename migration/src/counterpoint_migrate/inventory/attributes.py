"""Attributes of values: read, and set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import classes, constant_folding, dag_methods, natives
from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task
from counterpoint_migrate.inventory.state import Module, names_of
from counterpoint_migrate.inventory.taskflow import MAPPING
from counterpoint_migrate.inventory.values import ABSENT, Bound, Class, Instance, Made, Ref, Super, Unknown, join

if TYPE_CHECKING:
    import ast

    from counterpoint_migrate.inventory.state import State


def attribute(state: State, value: Any, name: str, node: ast.AST) -> Any:
    """An attribute of a value."""
    found: Any = NotImplemented
    if isinstance(value, Module):
        found = value.scope.get(name, Unknown(node))
    elif isinstance(value, Class) and name not in MAPPING:
        found = classes.of_class(value, name, node)
    elif isinstance(value, Instance):
        found = classes.of_object(state, value, name, node)
    elif isinstance(value, Super):
        found = classes.of_super(state, value, name, node)
    elif isinstance(value, Ref) and (name not in MAPPING or not value.tail[:1].isupper()):
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
