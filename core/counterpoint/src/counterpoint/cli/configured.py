"""The environment of a command: chosen before it runs, and what its pipeline gets of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from counterpoint.cli.common import DefaultRoot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from counterpoint.configuration import Environment

# what makes a file, or prints a script, needs no environment, and works beside a file that is wrong
_WITHOUT = ("completion", "init")


@contextmanager
def going_by(args: argparse.Namespace) -> Iterator[None]:
    """Has a command go by the environment that its options, the variables or the file name.

    Raises:
        UsageError: there is no such environment, or its file says something that has no meaning.
    """
    if args.command in _WITHOUT and args.env is None:
        yield
        return
    from counterpoint.configuration import applied

    if isinstance(args.root, DefaultRoot):
        args.root = None
    with applied(args):
        yield


def environment_of(args: argparse.Namespace) -> Environment | None:
    """The environment that a command goes by; None where there is none."""
    environment: Environment | None = getattr(args, "environment", None)
    return environment
