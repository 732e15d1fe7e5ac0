"""Masking the secrets in an error's own words, which orchestrators show on their pages and in their logs."""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import Any

from counterpoint.redaction.rows import checked
from counterpoint.redaction.text import redacted, redacted_values

_DEEPEST = 32


def scrub(error: BaseException) -> None:
    """Masks the secrets in an error and in those that it was raised from, as far as they can be changed."""
    for found in _all(error):
        _scrub_one(found)


def safe(error: BaseException) -> bool:
    """Whether an error and those that it was raised from tell no secret, and no value of a row that is not shown."""
    every = _all(error)
    told = "".join(line for found in every for line in traceback.format_exception_only(found))
    return redacted(told) == told and not any(map(checked, every))


def _all(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < _DEEPEST:
        one = waiting.pop()
        if one is not None and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return found


def _scrub_one(error: BaseException) -> None:
    error.args = tuple(map(_masked, error.args))
    for name in ("__notes__", *_names(error)):
        with suppress(Exception):  # a property, or a class that allows no change: `safe` tells
            value = getattr(error, name)
            if (masked := _masked(value)) != value:
                setattr(error, name, masked)


def _names(error: BaseException) -> list[str]:
    slots = [name for kind in type(error).__mro__ for name in _words(getattr(kind, "__slots__", ()))]
    return [*getattr(error, "__dict__", {}), *slots]


def _words(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _masked(value: Any) -> Any:
    if isinstance(value, bytes):
        return redacted(value.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    if isinstance(value, tuple):
        return tuple(map(_masked, value))
    return redacted_values(value) if isinstance(value, str | list | dict) else value
