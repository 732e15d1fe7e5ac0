"""What commands print: tables for people on stderr, one JSON document for programs on stdout."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def answer(document: Any) -> None:
    """Writes the one JSON document of a command to stdout, at once: the command may go on for days."""
    json.dump(document, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")
    sys.stdout.flush()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a table for people to stderr, in colours where that is a terminal."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(*columns, title=title, title_justify="left")
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    Console(stderr=True).print(shown)


def say(text: str) -> None:
    """Writes a line for people to stderr."""
    print(text, file=sys.stderr)
