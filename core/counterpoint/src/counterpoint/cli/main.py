"""The entry point: parses the command line, runs the command, turns errors into one line and an exit code."""

from __future__ import annotations

import signal
import sys
import traceback
from typing import TYPE_CHECKING

from counterpoint.cli.configured import going_by
from counterpoint.cli.live import showing
from counterpoint.cli.output import say
from counterpoint.cli.parser import parser
from counterpoint.cli.secrets import take_secrets
from counterpoint.errors import CounterpointError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


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
        with showing(quiet=args.quiet, verbose=args.verbose), going_by(args):
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
