"""`counterpoint migrate shadow` and `migrate ledger`: a verdict per date, and the streak of equal dates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.environments import python_of
from counterpoint.cli.output import answer, echo, table
from counterpoint.cli.run import PIPELINE
from counterpoint_migrate.cli.cutting import ownership_text
from counterpoint_migrate.cli.validating import comparing, question_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

ABOUT = "compare two sides date by date, and record each verdict in a ledger"
ABOUT_LEDGER = "show the compared dates, the owner of a pipeline's schedule, and its cut-overs"
EXAMPLE = "counterpoint migrate shadow streamrec --dates 2026-01-01..2026-01-07"
EXAMPLE_LEDGER = "counterpoint migrate ledger streamrec"


def arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `validate`, and `--force`."""
    sub.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    comparing(sub)
    sub.add_argument("--force", action="store_true", help="also compare dates that are equal in the ledger")


def ledger_arguments(sub: argparse.ArgumentParser) -> None:
    """The pipeline."""
    sub.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)


def run(args: argparse.Namespace) -> int:
    """Compares the dates that are not in the ledger; the exit code is 4 if a date differs."""
    from counterpoint.errors import DifferenceError
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.cutover.shadow import shadow

    root = absolute(args.root)
    # the outputs of both sides are large, and are compared on this machine
    question = question_of(args, str(Path("counterpoint-data").absolute()) if "://" in root else None)
    result = shadow(question, python_of, Objects(root), args.out, force=args.force, command=args.argv)
    first_different = next((date for date in result["dates"] if not date["equal"]), None)
    if args.json:
        answer(result)
    if first_different is None:
        echo(f"{result['pair']}: {result['summary']}", beside=args.json)
    else:
        difference = (
            f"{first_different['first']['step']} of {first_different['date']}; see {first_different['verdict']}"
        )
        echo(f"{result['pair']}: first difference: {difference}", beside=args.json)
    return 0 if first_different is None else DifferenceError.exit_code


def run_ledger(args: argparse.Namespace) -> int:
    """Prints the ledger."""
    from counterpoint.services.service_environments import absolute
    from counterpoint_migrate.cutover.standing import standing_of

    ledger = standing_of(args.pipeline, absolute(args.root))
    if args.json:
        answer(ledger)
    else:
        _print_ledger(ledger)
    return 0


def _print_ledger(ledger: Mapping[str, Any]) -> None:
    for pair in ledger["pairs"]:
        rows = [
            (date["date"], "equal" if date["equal"] else f"first difference: {date['first']['step']}", date["at"])
            for date in pair["dates"]
        ]
        table(f"{ledger['pipeline']}: {pair['pair']}", ("date", "verdict", "compared at"), rows)
        echo(f"{pair['pair']}: {pair['summary']}")
    if ledger["history"]:
        change_rows = [
            (change["at"], change["action"], *_moved(change), change["outcome"], _proof(change))
            for change in ledger["history"]
        ]
        table("Cut-overs", ("time", "action", "steps", "from", "to", "outcome", "proof"), change_rows)
    if ledger["pending"]:
        echo(f"a {ledger['pending']['action']} of {ledger['pending']['at']} is not finished: repeat the command")
    echo(f"{ledger['pipeline']}: {ownership_text(ledger)}")


def _moved(change: Mapping[str, Any]) -> tuple[str, str, str]:
    return ", ".join(change["steps"]) or "all", change["from"]["name"], change["to"]["name"]


def _proof(change: Mapping[str, Any]) -> str:
    return f"{change['streak']['count']} equal dates in a row" if change["streak"] else ""
