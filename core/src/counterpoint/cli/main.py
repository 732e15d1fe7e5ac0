"""Parsing the command line, and turning errors into one line on stderr and an exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import signal
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import counterpoint
from counterpoint.cli.common import common_options
from counterpoint.cli.output import say
from counterpoint.cli.secrets import take_secrets
from counterpoint.errors import CounterpointError
from counterpoint.terminal import Visible, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

# In the order of the help; each is a module of this package with HELP, arguments(parser) and run(args).
COMMANDS = (
    "pipelines",
    "show",
    "run",
    "backfill",
    "retry",
    "status",
    "watch",
    "compare",
    "advise",
    "diff",
    "migrate",
    "why",
    "dlq",
    "alerts",
    "lineage",
    "up",
    "down",
    "doctor",
)
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """One whose errors, which repeat what was typed, command no terminal and tell no secret."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


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
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"counterpoint.cli.{name}")
        sub = commands.add_parser(name, help=module.HELP, description=module.HELP)
        common_options(sub, behind=True)
        module.arguments(sub)
        sub.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = parser().parse_args(arguments)
    args.argv = arguments
    take_secrets(args)
    _log(quiet=args.quiet, verbose=args.verbose)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _interrupt)
    try:
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


def _log(*, quiet: bool, verbose: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Visible("%(message)s"))
    own = logging.getLogger("counterpoint")
    own.handlers, own.propagate = [handler], False
    own.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    if verbose:
        requests = logging.getLogger("httpx")
        requests.handlers, requests.propagate = [handler], False
        requests.setLevel(logging.INFO)
