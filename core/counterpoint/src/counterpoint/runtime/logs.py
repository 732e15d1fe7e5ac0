"""The last lines that a step logged, kept to explain a failure."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from counterpoint.redaction import Redacting, mask_streams
from counterpoint.terminal import Visible, timed

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT_LINES = 30
_LONGEST = 500


class _Tail(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the line."""
        try:
            self.lines.append(self.format(record)[:_LONGEST])
        except Exception:  # noqa: BLE001 - a line that cannot be formatted must not fail the step
            self.handleError(record)


@contextmanager
def keeping_log() -> Iterator[deque[str]]:
    """Collects the last lines logged in the block, without secrets."""
    tail, root = _Tail(), logging.getLogger()
    root.addHandler(tail)
    try:
        yield tail.lines
    finally:
        root.removeHandler(tail)


def log_warnings() -> None:
    """Sets up logging in a step's own process: INFO and above is kept, warnings go to stderr, no secret is printed."""
    mask_streams()
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(Visible("%(message)s") if handler.stream.isatty() else timed())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
