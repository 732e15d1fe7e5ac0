"""Which code decides an output: what a step reaches of the user's own code, and the digest of it."""

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
