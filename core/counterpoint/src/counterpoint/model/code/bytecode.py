"""Bytecode of old code: Python runs a cached file whose source has another content, but the same size and second.

It compares the size of a source and its time in whole seconds with what a cached file was made from. An edit in the
same second, or a copy that keeps the time, is not seen: the old code runs, while a digest of the source is of the new.
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
    """The file of cached bytecode that Python would take for a source which it was not made from.

    Args:
        source: the file of the module.
        changed: when it was changed last, in nanoseconds.
    """
    try:
        cached = cache_from_source(source)
        made = os.stat(cached).st_mtime_ns  # noqa: PTH116 - asked of every module of a step
    except (OSError, NotImplementedError):  # there is none, or this Python keeps none
        return None
    # made long after the last change, it is of this source
    return cached if made <= changed + TICK and _is_wrong(source, cached) else None


def _is_wrong(source: Path, cached: str) -> bool:
    try:
        with open(cached, "rb") as file:  # noqa: PTH123
            header, body = file.read(_HEADER), file.read()
        text = source.read_bytes()
        if header[:4] != MAGIC_NUMBER or not _is_believed(header, source):
            return False
        return bool(marshal.loads(body) != compile(text, source, "exec", dont_inherit=True))  # noqa: S302 - not run
    except (OSError, SyntaxError, ValueError, EOFError, TypeError):  # its import will tell
        return False


def _is_believed(header: bytes, source: Path) -> bool:
    """Whether Python takes the file without a look into the source."""
    flags, first, second = (int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12))
    if flags & _HASHED:
        return not flags & _CHECKED
    state = source.stat()
    return (first, second) == (int(state.st_mtime) & 0xFFFFFFFF, state.st_size & 0xFFFFFFFF)
