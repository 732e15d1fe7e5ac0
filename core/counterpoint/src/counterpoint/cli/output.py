"""What commands print: the result on stdout, as a table or as one JSON document; everything else on stderr.

All text but JSON passes `shown`, `echo` or `say`, which escape markup and terminal control sequences.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, TextIO

from counterpoint.cli.live import freeze_view
from counterpoint.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.text import Text

# columns of what is no terminal: as many as the longest cell needs
_UNCUT = 1_000_000


def answer(document: Any) -> None:
    """Writes the one JSON document of a command to stdout without buffering: the command may run for days."""
    freeze_view()
    json.dump(document, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")
    sys.stdout.flush()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, beside: bool = False) -> None:
    """Writes a table of the answer; on a terminal in its colours and folded to its width, else uncut.

    Args:
        title: a line above it.
        columns: the heads of its columns.
        rows: their cells.
        beside: whether stdout holds a JSON document, so that the table goes to stderr.
    """
    from rich.table import Table

    freeze_view()
    drawn = Table()
    for column in columns:
        drawn.add_column(shown(column), overflow="fold")
    for row in rows:
        drawn.add_row(*map(shown, row))
    console = console_of(sys.stderr if beside else sys.stdout)
    console.print(shown(title, "table.title"), soft_wrap=True)
    console.print(drawn)


def console_of(file: TextIO) -> Console:
    """The console of a stream: as wide as the terminal, or without one as wide as its output."""
    from rich.console import Console

    return Console(file=file, width=None if file.isatty() else _UNCUT)


def shown(cell: Any, style: str = "") -> Text:
    """A value as a cell of a table; brackets in it are no markup."""
    from rich.text import Text

    return Text("" if cell is None else visible(str(cell)), style=style)


def minute(moment: str | None) -> str:
    """A moment in ISO 8601 as a cell of a table: to the minute, empty for None."""
    return (moment or "")[:16].replace("T", " ")


def echo(text: str, *, beside: bool = False) -> None:
    """Writes a line of the answer for people to stdout, at once; `beside` a JSON document to stderr."""
    freeze_view()
    print(visible(text), file=sys.stderr if beside else sys.stdout, flush=True)


def say(text: str) -> None:
    """Writes a line for people to stderr: a message, and no part of the answer."""
    freeze_view()
    print(visible(text), file=sys.stderr)
