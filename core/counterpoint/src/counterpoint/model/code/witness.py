"""How files and folders look now: what was computed from them holds while they look the same."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Look = tuple[object, ...] | None
# a file that changes twice within a tick of its file system's clock looks the same: what is as new as that is read
TICK = 2_500_000_000


def look(path: str) -> Look:
    """What tells whether a file or folder was changed: times, size and number, and the content of what is very new."""
    try:
        state = os.stat(path)  # noqa: PTH116 - asked thousands of times
        seen = (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino)
        is_new = time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) < TICK
        return (*seen, _content(path)) if is_new else seen
    except OSError:
        return None


def _content(path: str) -> object:
    if os.path.isdir(path):  # noqa: PTH112
        return tuple(sorted(os.listdir(path)))  # noqa: PTH208
    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").digest()


def still(seen: Mapping[str, Look]) -> bool:
    """Whether everything looks as it did."""
    return all(look(path) == before for path, before in seen.items())


def changed_at(file: Path) -> int:
    """When a file was changed last, in nanoseconds; now for one that is gone."""
    try:
        state = os.stat(file)  # noqa: PTH116 - asked of every module of a step
    except OSError:
        return time.time_ns()
    # a copy may keep the time of the original, but not that of the change
    return max(state.st_mtime_ns, state.st_ctime_ns)
