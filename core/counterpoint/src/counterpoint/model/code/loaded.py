"""Checking that the code this process has loaded is the code on disk, because a digest must be of running code."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from counterpoint.model.code.bytecode import wrong_bytecode
from counterpoint.model.code.witness import changed_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.model.code.walk import Reach

# the load time of modules without a better known one: they were loaded at this moment or just before
_SINCE = time.time_ns()
_LOADED: dict[str, int] = {}
# modules loaded from bytecode of another source, which has been removed since
_WRONG: set[str] = set()


@contextmanager
def loading() -> Iterator[None]:
    """Records that the modules loaded in the block were not loaded before its start."""
    before, start = set(sys.modules), time.time_ns()
    try:
        yield
    finally:
        new = sys.modules.keys() - before
        _LOADED.update(dict.fromkeys(new, start))
        _WRONG.difference_update(new)


def outdated(reach: Reach) -> list[str]:
    """The modules that this process has loaded and that may have changed on disk since.

    Bytecode of another source is removed, so that a later import uses the source. A module loaded from such a file
    counts as changed, and so does any module whose wrong bytecode cannot be removed.
    """
    names: set[str] = set()
    for name, file in [*reach.files.items(), *reach.metadata.values()]:
        is_loaded, changed = name in sys.modules, changed_at(file)
        if cached := wrong_bytecode(file, changed):
            if not _removed(cached):
                names.add(name)
            if is_loaded:
                _WRONG.add(name)
        if is_loaded and (name in _WRONG or changed > _LOADED.get(name, _SINCE)):
            names.add(name)
    return sorted(names)


def _removed(file: str) -> bool:
    try:
        os.unlink(file)  # noqa: PTH108
    except OSError:  # it lies in a folder without write permission
        return False
    return True
