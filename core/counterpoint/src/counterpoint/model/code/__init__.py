"""The code that decides an output: the user's own code that a step reaches, and its digest."""

from __future__ import annotations

from counterpoint.model.code.digest import code_digest, code_of, own_code_of, reach_of, step_reach, unfollowed
from counterpoint.model.code.loaded import loading, outdated
from counterpoint.model.code.walk import Reach

__all__ = [
    "Reach",
    "code_digest",
    "code_of",
    "loading",
    "outdated",
    "own_code_of",
    "reach_of",
    "step_reach",
    "unfollowed",
]
