"""`counterpoint down`: stops an orchestrator's services that another command started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.cli.environments import ORCHESTRATORS
from counterpoint.cli.output import answer, echo

if TYPE_CHECKING:
    import argparse

HELP = "stop the services that 'up' started"
EXAMPLE = "counterpoint down dagster"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The orchestrator."""
    parser.add_argument(
        "orchestrator", metavar="ORCHESTRATOR", choices=ORCHESTRATORS, help="an orchestrator, see 'doctor'"
    )


def run(args: argparse.Namespace) -> int:
    """Stops the services of this root; none running is no error."""
    from counterpoint.services.service_environments import absolute, home_of
    from counterpoint.services.supervisor import stop_target

    stopped = stop_target(home_of(absolute(args.root), args.orchestrator))
    if args.json:
        answer({"orchestrator": args.orchestrator, "stopped": stopped})
    else:
        echo(f"{args.orchestrator}: {'stopped' if stopped else 'was not running'}")
    return 0
