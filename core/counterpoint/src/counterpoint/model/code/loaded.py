"""Whether the code that this process has loaded is what stands on disk: a digest must be of the code that runs."""

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

# a module that is here, and of which nothing better is known, was not loaded before this moment, or just before it
_SINCE = time.time_ns()
_LOADED: dict[str, int] = {}
# loaded from bytecode of another source, which is gone meanwhile
_WRONG: set[str] = set()


@contextmanager
def loading() -> Iterator[None]:
    """Remembers of the modules that are loaded in the block that it was not before its begin."""
    before, begun = set(sys.modules), time.time_ns()
    try:
        yield
    finally:
        new = sys.modules.keys() - before
        _LOADED.update(dict.fromkeys(new, begun))
        _WRONG.difference_update(new)


def outdated(reach: Reach) -> list[str]:
    """The modules that this process has loaded, and that may have been changed on disk since.

    Bytecode of another source is removed, so that what is not loaded yet is made from the source. What was loaded from
    such a file counts as changed; so does what will be, where the file cannot be removed.
    """
    found: set[str] = set()
    for name, file in [*reach.files.items(), *reach.metadata.values()]:
        is_loaded, changed = name in sys.modules, changed_at(file)
        if cached := wrong_bytecode(file, changed):
            if not _removed(cached):
                found.add(name)
            if is_loaded:
                _WRONG.add(name)
        if is_loaded and (name in _WRONG or changed > _LOADED.get(name, _SINCE)):
            found.add(name)
    return sorted(found)


def _removed(file: str) -> bool:
    try:
        os.unlink(file)  # noqa: PTH108
    except OSError:  # it lies in a folder that only others may write
        return False
    return True
