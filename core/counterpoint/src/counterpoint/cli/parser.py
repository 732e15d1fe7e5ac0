"""The parser of the whole command line, made from the modules of the commands."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any, NoReturn

import counterpoint
from counterpoint.cli.commands import Missing, commands
from counterpoint.cli.common import add_command, common_options
from counterpoint.errors import UsageError
from counterpoint.terminal import visible


class _Parser(argparse.ArgumentParser):
    """A parser whose errors, which repeat the input, hold no control characters and no secrets."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


class _Missing(_Parser):
    """The parser of a command that cannot be used here: it accepts any options and reports the reason."""

    reason = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Accepts every argument."""
        words = list(args or ())
        if {"-h", "--help"}.intersection(words):
            return super().parse_known_args(words, namespace)
        options = namespace or argparse.Namespace()
        options.run = partial(_refuse, self.prog, self.reason)
        return options, []


def _add_missing(group: Any, name: str, reason: str) -> None:
    parser_class, group._parser_class = group._parser_class, _Missing  # noqa: SLF001 - argparse has one class for all of a group
    group.add_parser(name, help=f"not installed: {reason}", description=reason).reason = reason
    group._parser_class = parser_class  # noqa: SLF001


def _refuse(command: str, reason: str, _: argparse.Namespace) -> int:
    raise UsageError(f"'{command}' cannot be used here: {reason}")


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = _Parser(
        prog="counterpoint",
        description="Write an ML pipeline once; run it natively on Airflow, Dagster or Prefect.",
        epilog="exit codes: 0 done, 1 a step failed, 2 bad usage or input, 3 an orchestrator is missing or"
        " did not start, 4 compared things differ, 130 interrupted",
    )
    common_options(top, behind=False)
    top.add_argument("--version", action="version", version=f"counterpoint {counterpoint.__version__}")
    group = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in commands().items():
        if isinstance(command, Missing):
            _add_missing(group, name, command.reason)
            continue
        sub = add_command(group, name, command.HELP, getattr(command, "EXAMPLE", ""))
        command.arguments(sub)
        sub.set_defaults(run=command.run)
    return top
