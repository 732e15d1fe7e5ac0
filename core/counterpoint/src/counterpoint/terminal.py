"""Makes text from outside safe for a terminal and for Markdown: it is shown literally and has no effect."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from counterpoint.redaction import Redacting, redacted

if TYPE_CHECKING:
    import logging

# control characters except line ends and tabs, surrogates, and characters that change the text direction
_COMMANDS = re.compile(
    r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

# Markdown: characters that start markup anywhere, and underscores without a letter on both sides
_MARKUP = re.compile(r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])")
# Markdown: the start of a heading, list or quotation at the start of a line
_BLOCK = re.compile(r"^( ?)(?:(\d+)([.)])(?=\s|$)|([#+=-]))")
# GitHub turns @name into a mention unless a word precedes it; an entity or a backslash does not prevent that
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
_ZERO_WIDTH = "\u200b"  # a space of no width
# renderers turn addresses into links without any markup
_ADDRESS = re.compile(r"(?i)(?:\b(?:https?|ftp|mailto|xmpp)(?=:)|\bwww(?=\.))")


def visible(text: str) -> str:
    """The text without secrets; terminal control characters become escapes, such as backslash x1b."""
    return _COMMANDS.sub(lambda match: ascii(match[0])[1:-1], redacted(text))


def markdown(text: str) -> str:
    """The text for a line or table cell of Markdown: on one line, without markup, links, mentions and secrets."""
    line = _MENTION.sub(f"@{_ZERO_WIDTH}", _MARKUP.sub(_escaped, _on_one_line(text)))
    line = _ADDRESS.sub(lambda match: f"{match[0]}\\", line)
    return _BLOCK.sub(lambda match: f"{match[1]}{match[2] or ''}\\{match[3] or match[4]}", line)


def markdown_code(text: str, *, cell: bool = False) -> str:
    """The text as inline code in a line or table cell of Markdown, with as many backticks as it needs."""
    line = _on_one_line(text).strip()
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if "`" in line else ""
    code = f"{fence}{space}{line}{space}{fence}" if line else ""
    return code.replace("|", "\\|") if cell else code  # a cell ends at a pipe also within code


def markdown_block(text: str, language: str = "") -> str:
    """The text as a code block of Markdown, with a fence that no line of the text can close."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{visible(text)}\n{fence}"


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", visible(text))


def _escaped(match: re.Match[str]) -> str:
    # entities, because some renderers parse HTML before they handle backslashes
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(match[0], f"\\{match[0]}")


def timed() -> Visible:
    """A formatter of log lines with their time in UTC."""
    form = Visible("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    return form


class Visible(Redacting):
    """Formats lines of a log for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback if it has one."""
        return visible(super().format(record))
