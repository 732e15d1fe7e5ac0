"""The options that every command has; they stand before it or behind it."""

from __future__ import annotations

import argparse
import os


def common_options(parser: argparse.ArgumentParser, *, behind: bool) -> None:
    """Adds them to the parser of the whole command line, or to that of a command.

    Args:
        parser: the parser.
        behind: whether it reads what stands behind a command, where an option counts only if it is given.
    """
    off = argparse.SUPPRESS if behind else False
    root = argparse.SUPPRESS if behind else os.environ.get("COUNTERPOINT_ROOT", "counterpoint-data")
    about = "where data lives: a folder or s3://... (COUNTERPOINT_ROOT; default ./counterpoint-data)"
    parser.add_argument("--root", default=root, metavar="URI", help=about)
    parser.add_argument("--json", action="store_true", default=off, help="one JSON document on stdout")
    parser.add_argument("--quiet", action="store_true", default=off, help="no progress on stderr")
    about = "more on stderr: requests to services, and where in the code an error was raised"
    parser.add_argument("-v", "--verbose", action="store_true", default=off, help=about)
