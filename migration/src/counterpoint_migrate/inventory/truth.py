"""Whether values count as true."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task
from counterpoint_migrate.inventory.values import (
    ABSENT,
    Class,
    Func,
    Method,
    More,
    Partial,
    Perhaps,
    Unknown,
    known,
    optional,
)


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
