"""Outdated bytecode: Python runs a cached file whose source has other content, but the same size and time in seconds.

Python compares only the size of a source and its time in whole seconds with those stored in the cached file. It misses
an edit within the same second, or a copy that keeps the time: the old code runs, while the digest is of the new source.
"""

from __future__ import annotations

import marshal
import os
from importlib.util import MAGIC_NUMBER, cache_from_source
from typing import TYPE_CHECKING

from counterpoint.model.code.witness import TICK

if TYPE_CHECKING:
    from pathlib import Path

# PEP 552: magic number, flags, then time and size of the source, or its hash
_HEADER, _HASHED, _CHECKED = 16, 0b01, 0b10


def wrong_bytecode(source: Path, changed: int) -> str | None:
    """The cached bytecode file that Python would use for a source from which it was not made, or None.

    Args:
        source: The file of the module.
        changed: When the source was changed last, in nanoseconds.
    """
    try:
        cached = cache_from_source(source)
        cached_at = os.stat(cached).st_mtime_ns  # noqa: PTH116 - called for every module of a step
    except (OSError, NotImplementedError):  # there is no cached file, or this Python caches none
        return None
    # a file made long after the last change is of this source
    return cached if cached_at <= changed + TICK and _is_wrong(source, cached) else None


def _is_wrong(source: Path, cached: str) -> bool:
    try:
        with open(cached, "rb") as file:  # noqa: PTH123
            header, body = file.read(_HEADER), file.read()
        text = source.read_bytes()
        if header[:4] != MAGIC_NUMBER or not _is_trusted(header, source):
            return False
        return bool(marshal.loads(body) != compile(text, source, "exec", dont_inherit=True))  # noqa: S302 - not run
    except (OSError, SyntaxError, ValueError, EOFError, TypeError):  # its import reports the error
        return False


def _is_trusted(header: bytes, source: Path) -> bool:
    """Whether Python uses the file without reading the source."""
    flags, first, second = (int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12))
    if flags & _HASHED:
        return not flags & _CHECKED
    state = source.stat()
    return (first, second) == (int(state.st_mtime) & 0xFFFFFFFF, state.st_size & 0xFFFFFFFF)
