"""Text from outside on a terminal: names, messages and values are shown as they are, and command nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from counterpoint.redaction import Redacting, redacted

if TYPE_CHECKING:
    import logging

# but for line ends and tabs: control characters, half characters, and what turns the direction of a line
_COMMANDS = re.compile(
    r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    """The text with what would command a terminal as escapes, such as backslash x1b, and without secrets."""
    return _COMMANDS.sub(lambda found: ascii(found[0])[1:-1], redacted(text))


class Visible(Redacting):
    """Formats lines of a log for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback if it has one."""
        return visible(super().format(record))
