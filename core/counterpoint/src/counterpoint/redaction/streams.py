"""Masking what is logged, and what a step prints."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

from counterpoint.redaction.text import redacted

if TYPE_CHECKING:
    from typing import Any


class Redacting(logging.Formatter):
    """Formats lines without the secrets in them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback if it has one."""
        return redacted(super().format(record))


class _Masking:
    """A stream that passes lines on without the secrets in them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._held = stream, ""

    def write(self, text: str) -> int:
        """Passes on what ends with a line's end, and holds the rest: a secret may come in two parts."""
        lines, end, rest = (self._held + text).rpartition("\n")
        self._held = rest
        if end:
            self._stream.write(redacted(lines) + end)
        return len(text)

    def flush(self) -> None:
        """Passes on what is held."""
        held, self._held = self._held, ""
        if held:
            self._stream.write(redacted(held))
        self._stream.flush()

    def writelines(self, lines: Any) -> None:
        """Writes several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def mask_streams() -> None:
    """Has the secrets masked that this process prints by Python from here on."""
    sys.stdout, sys.stderr = _Masking(sys.stdout), _Masking(sys.stderr)
