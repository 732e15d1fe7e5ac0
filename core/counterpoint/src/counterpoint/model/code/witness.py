"""The states of files and folders: a result computed from them is valid while their states are unchanged."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Look = tuple[object, ...] | None
# a file that changes twice within a tick of its file system's clock has the same state, so a newer file is read
TICK = 2_500_000_000


def look(path: str) -> Look:
    """The state of a file or folder: times, size and inode, and the content if it has just changed."""
    try:
        state = os.stat(path)  # noqa: PTH116 - called thousands of times
        stat_fields = (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino)
        is_new = time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) < TICK
        return (*stat_fields, _content(path)) if is_new else stat_fields
    except OSError:
        return None


def _content(path: str) -> object:
    if os.path.isdir(path):  # noqa: PTH112
        return tuple(sorted(os.listdir(path)))  # noqa: PTH208
    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").digest()


def still(seen: Mapping[str, Look]) -> bool:
    """Whether all paths have the recorded state."""
    return all(look(path) == before for path, before in seen.items())


def changed_at(file: Path) -> int:
    """When a file was changed last, in nanoseconds; the present time if it no longer exists."""
    try:
        state = os.stat(file)  # noqa: PTH116 - called for every module of a step
    except OSError:
        return time.time_ns()
    # a copy may keep the original's modification time, but not its change time
    return max(state.st_mtime_ns, state.st_ctime_ns)
