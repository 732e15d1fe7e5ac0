"""YAML files with the lines of their keys, and what their values stand for in a DAG or a task."""

from __future__ import annotations

import ast
from datetime import date, timedelta
from typing import Any

import yaml

from counterpoint_migrate.inventory.values import Unknown

_DURATIONS = {"weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds"}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads plain YAML; what a tag of one's own makes is not known."""


def _unknown(_: _Loader, suffix: str, node: yaml.Node) -> Unknown:
    return Unknown(ast.Name(id=f"!{suffix}", lineno=node.start_mark.line + 1))


_Loader.add_multi_constructor("!", _unknown)


class Located(dict[str, Any]):
    """A mapping that knows the line of each of its keys, from 1."""

    lines: dict[str, int]


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Located:
    loader.flatten_mapping(node)
    found = Located()
    found.lines = {}
    for key, value in node.value:
        name = str(loader.construct_object(key, deep=True))
        found[name] = loader.construct_object(value, deep=True)
        found.lines[name] = key.start_mark.line + 1
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(text: str) -> Any:
    """The document of a YAML file; mappings are `Located`.

    Raises:
        ValueError: it is no YAML, or more than one document.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise ValueError(f"{getattr(error, 'problem', None) or 'it is no YAML'}{where}") from error


def line_of(mapping: Any, key: str) -> int:
    """The line of a key, from 1."""
    return mapping.lines.get(key, 1) if isinstance(mapping, Located) else 1


def value_of(value: Any) -> Any:
    """A value as the arguments of a call have it: durations and dates as such."""
    if isinstance(value, dict):
        plain = {str(key): value_of(inner) for key, inner in value.items()}
        kind = str(plain.get("__type__", ""))
        parts = {name: number for name, number in plain.items() if name in _DURATIONS}
        if kind.endswith("timedelta") and all(isinstance(number, int | float) for number in parts.values()):
            return timedelta(**parts)
        return plain
    if isinstance(value, list | tuple):
        return [value_of(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def arguments_of(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an operator or of default_args: `retry_delay_sec` is `retry_delay` in seconds."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        base = name.removesuffix("_secs").removesuffix("_sec").removesuffix("_seconds")
        if base != name and isinstance(value, int | float) and not isinstance(value, bool):
            found[base] = timedelta(seconds=value)
        else:
            found[name] = value_of(value)
    return found
