"""`counterpoint migrate shadow` and `migrate ledger`: a verdict per date, and how many in a row are equal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.environments import python_of
from counterpoint.cli.output import answer, echo, table
from counterpoint.cli.run import PIPELINE
from counterpoint_migrate.cli.cutting import owned
from counterpoint_migrate.cli.validating import comparing, question_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

ABOUT = "compare two sides date by date, and record each verdict in a ledger"
ABOUT_LEDGER = "show the compared dates, the owner of a pipeline's schedule, and its cut-overs"
EXAMPLE = "counterpoint migrate shadow streamrec --dates 2026-01-01..2026-01-07"
EXAMPLE_LEDGER = "counterpoint migrate ledger streamrec"


def arguments(sub: argparse.ArgumentParser) -> None:
    """The same as of `validate`."""
    sub.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    comparing(sub)
    sub.add_argument("--force", action="store_true", help="also compare dates that are equal in the ledger")


def ledger_arguments(sub: argparse.ArgumentParser) -> None:
    """The pipeline."""
    sub.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)


def run(args: argparse.Namespace) -> int:
    """Compares what is not in the ledger; 4 when a date differs."""
    from counterpoint.errors import DifferenceError
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.cutover.shadow import shadow

    root = absolute(args.root)
    # what the sides make is large, and is compared here
    question = question_of(args, str(Path("counterpoint-data").absolute()) if "://" in root else None)
    found = shadow(question, python_of, Objects(root), args.out, force=args.force, command=args.argv)
    first = next((one for one in found["dates"] if not one["equal"]), None)
    if args.json:
        answer(found)
    if first is None:
        echo(f"{found['pair']}: {found['summary']}", beside=args.json)
    else:
        told = f"{first['first']['step']} of {first['date']}; see {first['verdict']}"
        echo(f"{found['pair']}: first difference: {told}", beside=args.json)
    return 0 if first is None else DifferenceError.exit_code


def run_ledger(args: argparse.Namespace) -> int:
    """Prints the ledger."""
    from counterpoint.services.service_environments import absolute
    from counterpoint_migrate.cutover.standing import standing_of

    found = standing_of(args.pipeline, absolute(args.root))
    if args.json:
        answer(found)
    else:
        _tell(found)
    return 0


def _tell(found: Mapping[str, Any]) -> None:
    for pair in found["pairs"]:
        rows = [
            (one["date"], "equal" if one["equal"] else f"first difference: {one['first']['step']}", one["at"])
            for one in pair["dates"]
        ]
        table(f"{found['pipeline']}: {pair['pair']}", ("date", "verdict", "compared at"), rows)
        echo(f"{pair['pair']}: {pair['summary']}")
    if found["history"]:
        rows_past = [(one["at"], one["action"], *_moved(one), one["outcome"], _proof(one)) for one in found["history"]]
        table("Cut-overs", ("time", "action", "steps", "from", "to", "outcome", "proof"), rows_past)
    if found["pending"]:
        echo(f"a {found['pending']['action']} of {found['pending']['at']} is not finished: repeat the command")
    echo(f"{found['pipeline']}: {owned(found)}")


def _moved(change: Mapping[str, Any]) -> tuple[str, str, str]:
    return ", ".join(change["steps"]) or "all", change["from"]["name"], change["to"]["name"]


def _proof(change: Mapping[str, Any]) -> str:
    return f"{change['streak']['count']} equal dates in a row" if change["streak"] else ""
