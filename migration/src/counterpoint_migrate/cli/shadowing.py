"""`counterpoint migrate shadow` and `migrate ledger`: a verdict a day, and for how many days all was equal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.environments import python_of
from counterpoint.cli.output import answer, echo, table
from counterpoint_migrate.cli.cutting import owned
from counterpoint_migrate.cli.validating import comparing, question_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

ABOUT = "compares two sides date by date, each with a verdict of its own, and keeps a ledger of what was equal"
ABOUT_LEDGER = "which dates were compared and were equal, who owns the pipeline's schedule, and all cut-overs"


def arguments(sub: argparse.ArgumentParser) -> None:
    """The same as of `validate`, whose work it does."""
    sub.add_argument("pipeline", metavar="PIPELINE")
    comparing(sub)
    sub.add_argument("--force", action="store_true", help="compares again what is equal in the ledger already")


def ledger_arguments(sub: argparse.ArgumentParser) -> None:
    """The pipeline."""
    sub.add_argument("pipeline", metavar="PIPELINE")


def run(args: argparse.Namespace) -> int:
    """Compares what is not in the ledger; 4 when a date differs."""
    from counterpoint.errors import DifferenceError
    from counterpoint.services.sites import absolute
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
    from counterpoint.services.sites import absolute
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
            (one["date"], "equal" if one["equal"] else f"differs first: {one['first']['step']}", one["at"])
            for one in pair["dates"]
        ]
        table(f"{found['pipeline']}: {pair['pair']}", ("date", "verdict", "compared at"), rows)
        echo(f"{pair['pair']}: {pair['summary']}")
    if found["history"]:
        rows_past = [(one["at"], one["action"], *_moved(one), one["outcome"], _proof(one)) for one in found["history"]]
        table("Cut-overs", ("at", "what", "steps", "from", "to", "", "proof"), rows_past)
    if found["pending"]:
        echo(f"a {found['pending']['action']} of {found['pending']['at']} is not finished: give the command again")
    echo(f"{found['pipeline']}: {owned(found)}")


def _moved(change: Mapping[str, Any]) -> tuple[str, str, str]:
    return ", ".join(change["steps"]) or "all", change["from"]["name"], change["to"]["name"]


def _proof(change: Mapping[str, Any]) -> str:
    return f"{change['streak']['count']} in a row" if change["streak"] else ""
