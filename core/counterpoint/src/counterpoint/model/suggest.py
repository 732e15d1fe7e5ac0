"""What somebody may have meant who wrote a name that is not known."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def suggest(name: str, known: Iterable[str]) -> str:
    """The known name that is nearest, as a question, or all of them."""
    known = tuple(known)
    found = difflib.get_close_matches(name, known, 1)
    return f"did you mean {found[0]!r}?" if found else f"there are {', '.join(known)}"
