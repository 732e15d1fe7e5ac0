"""Suggestions for an unknown name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def suggest(name: str, known: Iterable[str]) -> str:
    """The most similar known name, as a question, or all known names."""
    known = tuple(known)
    matches = difflib.get_close_matches(name, known, 1)
    return f"did you mean {matches[0]!r}?" if matches else f"there are {', '.join(known)}"
