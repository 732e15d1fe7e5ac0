"""Masking the secrets in an error's message, which orchestrators show on their pages and in their logs."""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import Any

from counterpoint.redaction.rows import checked
from counterpoint.redaction.text import redacted, redacted_values

_DEEPEST = 32


def scrub(error: BaseException) -> None:
    """Masks the secrets in an error and its causes, as far as these can be changed."""
    for member in _all(error):
        _scrub_one(member)


def safe(error: BaseException) -> bool:
    """Whether an error and its causes show no secret, and no value of a row that may not be shown."""
    chain = _all(error)
    text = "".join(line for member in chain for line in traceback.format_exception_only(member))
    return redacted(text) == text and not any(map(checked, chain))


def _all(error: BaseException) -> list[BaseException]:
    errors: list[BaseException] = []
    pending: list[BaseException | None] = [error]
    while pending and len(errors) < _DEEPEST:
        current = pending.pop()
        if current is not None and current not in errors:
            errors.append(current)
            pending += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]
    return errors


def _scrub_one(error: BaseException) -> None:
    error.args = tuple(map(_masked, error.args))
    for name in ("__notes__", *_names(error)):
        with suppress(Exception):  # a property, or a class that allows no change: `safe` detects it
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
