"""`counterpoint migrate`: what a team that moves away from Airflow has, from its DAG files alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.output import answer, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterpoint.migration import Dag, Inventory

HELP = "moving away from Airflow: 'migrate inventory FOLDER'"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, each with its own options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    about = "what a folder of Airflow DAGs holds and what hangs together, read without running it"
    sub = actions.add_parser("inventory", help=about, description=about)
    sub.add_argument("folder", metavar="FOLDER", type=Path, help="DAG files, of Airflow 1.10 to 3")
    sub.add_argument("--html", metavar="FILE", type=Path, help="writes a page of it, too")
    # before the action or behind it
    sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON document on stdout")
    sub.add_argument("--quiet", action="store_true", default=argparse.SUPPRESS, help="no progress on stderr")


def run(args: argparse.Namespace) -> int:
    """Reads and tells; what is not known is no failure."""
    from counterpoint.migration import inventory
    from counterpoint.migration.report import write_page

    found = inventory(args.folder)
    if args.html is not None:
        write_page(found, args.html)
        say(f"wrote {args.html}")
    if args.json:
        answer(found.to_dict())
    else:
        _tell(found)
    return 0


def _tell(found: Inventory) -> None:
    from counterpoint.migration.report import schedule_of, summary_of

    columns = ("DAG", "schedule", "owners", "tasks", "operators", "place")
    table("DAGs", columns, [_row(dag, schedule_of(dag.schedule)) for dag in found.dags])
    if found.dependencies:
        rows = [(d.upstream, d.downstream, d.kind, d.confidence, d.place, d.detail) for d in found.dependencies]
        table("What hangs together", ("before", "after", "by", "confidence", "place", ""), rows)
    if found.plugins:
        table("Plugins", ("plugin", "place"), [(plugin["name"], plugin["place"]) for plugin in found.plugins])
    if found.unresolved:
        rows_left = [(entry.place, entry.kind, entry.detail) for entry in found.unresolved]
        table("Not known from the source", ("place", "kind", ""), rows_left)
    say(summary_of(found))


def _row(dag: Dag, schedule: str) -> Sequence[Any]:
    from counterpoint.migration.report import operators_of

    operators = ", ".join(f"{name} {count}" if count > 1 else name for name, count in operators_of(dag).items())
    return _shown(dag), schedule, ", ".join(dag.owners), len(dag.tasks), operators, dag.place


def _shown(dag: Dag) -> str:
    return dag.id if dag.literal else f"{dag.id} (expression)"
