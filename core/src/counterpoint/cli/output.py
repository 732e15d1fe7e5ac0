"""What commands print: tables for people on stderr, one JSON document for programs on stdout.

Everything for people passes `shown` or `say`: what comes from outside is neither markup nor a terminal's command.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from counterpoint.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.text import Text


def answer(document: Any) -> None:
    """Writes the one JSON document of a command to stdout, at once: the command may go on for days."""
    json.dump(document, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")
    sys.stdout.flush()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a table for people to stderr, in colours where that is a terminal."""
    from rich.console import Console
    from rich.table import Table

    drawn = Table(title=shown(title, "table.title"), title_justify="left")
    for column in columns:
        drawn.add_column(shown(column))
    for row in rows:
        drawn.add_row(*map(shown, row))
    Console(stderr=True).print(drawn)


def shown(cell: Any, style: str = "") -> Text:
    """A value as a cell of a table: its brackets are brackets."""
    from rich.text import Text

    return Text("" if cell is None else visible(str(cell)), style=style)


def say(text: str) -> None:
    """Writes a line for people to stderr."""
    print(visible(text), file=sys.stderr)
