"""Parsing the command line, and turning errors into one line on stderr and an exit code."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import counterpoint
from counterpoint.cli.commands import Missing, commands
from counterpoint.cli.common import common_options
from counterpoint.cli.live import showing
from counterpoint.cli.output import say
from counterpoint.cli.secrets import take_secrets
from counterpoint.errors import CounterpointError, UsageError
from counterpoint.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """One whose errors, which repeat what was typed, command no terminal and tell no secret."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


class _Missing(_Parser):
    """The parser of a command that cannot be used here: whatever its options are, it says why."""

    reason = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Takes everything."""
        words = list(args or ())
        if {"-h", "--help"}.intersection(words):
            return super().parse_known_args(words, namespace)
        given = namespace or argparse.Namespace()
        given.run = partial(_refuse, self.prog, self.reason)
        return given, []


def _add_missing(group: Any, name: str, reason: str) -> None:
    kept, group._parser_class = group._parser_class, _Missing  # noqa: SLF001 - argparse has one class for all of a group
    group.add_parser(name, help=f"not here: {reason}", description=reason).reason = reason
    group._parser_class = kept  # noqa: SLF001


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
        sub = group.add_parser(name, help=command.HELP, description=command.HELP)
        common_options(sub, behind=True)
        command.arguments(sub)
        sub.set_defaults(run=command.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = parser().parse_args(arguments)
    args.argv = arguments
    take_secrets(args)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _interrupt)
    try:
        with showing(quiet=args.quiet, verbose=args.verbose):
            code = int(args.run(args))
        sys.stdout.flush()  # who reads it may have gone
    except CounterpointError as error:
        if args.verbose:
            say("".join(traceback.format_exception(error)).rstrip())
        say(f"counterpoint: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        print("counterpoint: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None
        return 1
    return code


def _interrupt(*_: object) -> None:
    # without this, a TERM would end the process before services are stopped
    raise KeyboardInterrupt
