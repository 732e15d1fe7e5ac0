"""What every command has: an example at the end of its help, and the common options, before or after it."""

from __future__ import annotations

import argparse
import os
from typing import Any


class DefaultRoot(str):
    """The root of a command line without `--root`, which an environment may replace."""

    __slots__ = ()


class Formatter(argparse.HelpFormatter):
    """Help in which text of several lines keeps its lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


def add_command(group: Any, name: str, about: str, example: str) -> argparse.ArgumentParser:
    """Adds a command, or an action of one, with the common options.

    Args:
        group: the subparsers it is added to.
        name: its name.
        about: what it does, in one line.
        example: one to three command lines, shown at the end of its help; empty for none.

    Returns:
        The command's parser.
    """
    lines = ["example:", *(f"  {line}" for line in example.splitlines())]
    epilog = "\n".join(lines) if example else None
    sub: argparse.ArgumentParser = group.add_parser(
        name, help=about, description=about, epilog=epilog, formatter_class=Formatter
    )
    common_options(sub, behind=True)
    return sub


def common_options(parser: argparse.ArgumentParser, *, behind: bool) -> None:
    """Adds the common options to the parser of the whole command line, or to that of a command.

    Args:
        parser: the parser.
        behind: whether it reads what stands behind a command, where an option counts only if it is given.
    """
    off = argparse.SUPPRESS if behind else False
    unsaid = argparse.SUPPRESS if behind else None
    about = "environment of counterpoint.toml; default COUNTERPOINT_ENV, else the default that the file names"
    parser.add_argument("--env", default=unsaid, metavar="NAME", help=about)
    about = "folder or s3:// URI of all data; default that of the environment, COUNTERPOINT_ROOT or ./counterpoint-data"
    root = argparse.SUPPRESS if behind else DefaultRoot(os.environ.get("COUNTERPOINT_ROOT", "counterpoint-data"))
    parser.add_argument("--root", default=root, metavar="URI", help=about)
    parser.add_argument(
        "--json", action="store_true", default=off, help="print the result as one JSON document on stdout"
    )
    parser.add_argument("--quiet", action="store_true", default=off, help="print only warnings and errors on stderr")
    about = "also print requests to services, and the traceback of an error, on stderr"
    parser.add_argument("-v", "--verbose", action="store_true", default=off, help=about)
