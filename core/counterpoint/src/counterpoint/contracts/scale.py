"""Limits of contracts on a sample: a count of rows says nothing of it, and a share of few rows has more room."""

from __future__ import annotations

import math
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARE: ContextVar[float] = ContextVar("share", default=1.0)
# standard deviations by which a share of a sample may lie above that of all rows
_DEVIATIONS = 3.0


@contextmanager
def on_sample(share: float) -> Iterator[None]:
    """Scales the limits that are applied in the block.

    Args:
        share: The share of the rows that are there, in (0, 1]; 1 scales nothing.
    """
    token = _SHARE.set(share)
    try:
        yield
    finally:
        _SHARE.reset(token)


def least_rows(minimum: int) -> int:
    """The least number of rows of a table that has `minimum` at least when it is whole.

    On a sample that is one: how many rows a few keys have is chance.
    """
    return minimum if _SHARE.get() >= 1 else min(minimum, 1)


def most_rows(rate: float, total: int) -> float:
    """The most rows out of `total` that may be bad, for a limit on their share."""
    limit = rate * total
    return limit if _SHARE.get() >= 1 or rate <= 0 else limit + _DEVIATIONS * math.sqrt(limit)
