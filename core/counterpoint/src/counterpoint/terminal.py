"""Text from outside, for a terminal and in Markdown: it is shown as it is, and commands nothing."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from counterpoint.redaction import Redacting, redacted

if TYPE_CHECKING:
    import logging

# but for line ends and tabs: control characters, half characters, and what turns the direction of a line
_COMMANDS = re.compile(
    r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

# in Markdown: what begins markup wherever it stands, and an underscore beside no letter
_MARKUP = re.compile(r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])")
# what begins a heading, a list or a quotation at the start of a line
_BLOCK = re.compile(r"^( ?)(?:(\d+)([.)])(?=\s|$)|([#+=-]))")
# GitHub makes a mention of it and the name that follows, unless a word precedes; after an entity or a backslash, too
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
_UNSEEN = "\u200b"  # a space of no width
# addresses are made links of without any markup
_ADDRESS = re.compile(r"(?i)(?:\b(?:https?|ftp|mailto|xmpp)(?=:)|\bwww(?=\.))")


def visible(text: str) -> str:
    """The text with what would command a terminal as escapes, such as backslash x1b, and without secrets."""
    return _COMMANDS.sub(lambda found: ascii(found[0])[1:-1], redacted(text))


def markdown(text: str) -> str:
    """The text within a line, or a cell, of Markdown: on one line, without markup, links, mentions and secrets."""
    line = _MENTION.sub(f"@{_UNSEEN}", _MARKUP.sub(_escaped, _on_one_line(text)))
    line = _ADDRESS.sub(lambda found: f"{found[0]}\\", line)
    return _BLOCK.sub(lambda found: f"{found[1]}{found[2] or ''}\\{found[3] or found[4]}", line)


def markdown_code(text: str, *, cell: bool = False) -> str:
    """The text as code within a line, or a cell, of Markdown, with as many backticks around it as it needs."""
    line = _on_one_line(text).strip()
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if "`" in line else ""
    code = f"{fence}{space}{line}{space}{fence}" if line else ""
    return code.replace("|", "\\|") if cell else code  # a cell ends at a pipe also within code


def markdown_block(text: str, language: str = "") -> str:
    """The text as a block of code of Markdown, which none of its lines can end."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{visible(text)}\n{fence}"


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", visible(text))


def _escaped(found: re.Match[str]) -> str:
    # entities, where a backslash would leave HTML as it is for readers that take it first
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[0], f"\\{found[0]}")


def timed() -> Visible:
    """Formats lines of a log with their time, in UTC."""
    form = Visible("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    return form


class Visible(Redacting):
    """Formats lines of a log for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback if it has one."""
        return visible(super().format(record))
