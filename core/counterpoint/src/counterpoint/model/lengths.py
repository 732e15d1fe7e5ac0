"""Lengths of time as people write them: 30s, 15m, 12h, 90d."""

from __future__ import annotations

import re
from datetime import timedelta

from counterpoint.errors import UsageError

_FORM = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHORTEST = timedelta(hours=1)


def length_of(text: str, what: str) -> timedelta:
    """A length of time written as 30s, 15m, 1h or 2d; `what` names it in the error.

    Raises:
        UsageError: It is written otherwise, or longer than a calendar.
    """
    match = _FORM.fullmatch(text)
    if not match:
        raise UsageError(f"{what} {text!r} is no length of time: write 30s, 15m, 1h or 2d")
    try:
        return timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError:
        raise UsageError(f"{what} {text!r} is longer than a calendar: write less") from None


def kept_for(text: str, what: str) -> timedelta:
    """How long records are kept, as `length_of` reads it.

    Raises:
        UsageError: It is written otherwise, or shorter than an hour: a run that has just ended may still write files.
    """
    length = length_of(text, what)
    if length < _SHORTEST:
        raise UsageError(f"{what} {text!r} is too short: records of runs are kept for an hour at least, as for 90d")
    return length
