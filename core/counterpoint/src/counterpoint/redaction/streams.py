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
    """A stream that passes lines on without secrets."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._held = stream, ""

    def write(self, text: str) -> int:
        """Passes on complete lines and holds the rest, because a secret may be written in two parts."""
        lines, end, incomplete = (self._held + text).rpartition("\n")
        self._held = incomplete
        if end:
            self._stream.write(redacted(lines) + end)
        return len(text)

    def flush(self) -> None:
        """Passes on the held text."""
        text, self._held = self._held, ""
        if text:
            self._stream.write(redacted(text))
        self._stream.flush()

    def writelines(self, lines: Any) -> None:
        """Writes several lines."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def mask_streams() -> None:
    """Has the secrets masked that this process prints by Python from here on."""
    sys.stdout, sys.stderr = _Masking(sys.stdout), _Masking(sys.stderr)
