"""`counterpoint migrate`: what a team that leaves Airflow has, in which order it moves, what will differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.common import common_options
from counterpoint.cli.environments import ORCHESTRATORS, python_of
from counterpoint.cli.output import answer, echo, say, table
from counterpoint_migrate.cli import cutting, shadowing, validating

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory import Dag, Inventory
    from counterpoint_migrate.plan import Plan
    from counterpoint_migrate.plan.preflight import Preflight

HELP = (
    "moving away from Airflow: 'migrate inventory|plan FOLDER',"
    " 'migrate preflight|validate|shadow|ledger|cutover|rollback PIPELINE'"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, each with its own options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    about = "what a folder of Airflow DAGs holds and what hangs together, read without running it"
    _of_folder(_action(actions, "inventory", about))
    about = "in which order a folder of Airflow DAGs moves to Dagster, and what that takes"
    sub = _of_folder(_action(actions, "plan", about))
    sub.add_argument("--settings", metavar="FILE.toml", type=Path, help="weights, the size of a wave, value and owners")
    about = "what a pipeline of Counterpoint's means otherwise on another orchestrator"
    sub = _action(actions, "preflight", about)
    sub.add_argument("pipeline", metavar="PIPELINE")
    sub.add_argument(
        "--from", dest="source", default="airflow", choices=ORCHESTRATORS, metavar="SIDE", help="default airflow"
    )
    sub.add_argument(
        "--to", dest="target", default="dagster", choices=ORCHESTRATORS, metavar="SIDE", help="default dagster"
    )
    sub.add_argument("--all", action="store_true", help="also what the pipeline does not use")
    validating.arguments(_action(actions, "validate", validating.ABOUT))
    shadowing.arguments(_action(actions, "shadow", shadowing.ABOUT))
    shadowing.ledger_arguments(_action(actions, "ledger", shadowing.ABOUT_LEDGER))
    cutting.arguments(_action(actions, "cutover", cutting.ABOUT))
    cutting.rollback_arguments(_action(actions, "rollback", cutting.ABOUT_ROLLBACK))


def _action(actions: Any, name: str, about: str) -> argparse.ArgumentParser:
    sub: argparse.ArgumentParser = actions.add_parser(name, help=about, description=about)
    common_options(sub, behind=True)  # behind the action, too
    return sub


def _of_folder(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub.add_argument("folder", metavar="FOLDER", type=Path, help="DAG files, of Airflow 1.10 to 3")
    sub.add_argument("--html", metavar="FILE", type=Path, help="writes a page of it, too")
    return sub


def run(args: argparse.Namespace) -> int:
    """Does what is asked; what is not known, or differs, is no failure, but a pipeline that is refused is."""
    known: dict[str, Callable[[argparse.Namespace], int]] = {
        "inventory": _inventory,
        "plan": _plan,
        "preflight": _preflight,
        "validate": validating.run,
        "shadow": shadowing.run,
        "ledger": shadowing.run_ledger,
        "cutover": cutting.run,
        "rollback": cutting.run_rollback,
    }
    return known[args.action](args)


def _inventory(args: argparse.Namespace) -> int:
    from counterpoint_migrate.inventory import inventory
    from counterpoint_migrate.inventory.report import write_page

    found = inventory(args.folder)
    return _show(args, found, lambda: write_page(found, args.html), lambda: _tell(found))


def _plan(args: argparse.Namespace) -> int:
    from counterpoint_migrate.inventory import inventory
    from counterpoint_migrate.plan import plan, read_settings
    from counterpoint_migrate.plan.planreport import write_plan_page

    settings = read_settings(args.settings)
    found = plan(inventory(args.folder), settings)
    return _show(args, found, lambda: write_plan_page(found, args.html), lambda: _tell_plan(found))


def _show(
    args: argparse.Namespace, found: Inventory | Plan, write: Callable[[], None], tell: Callable[[], None]
) -> int:
    """A page if one is asked for, and JSON or words."""
    if args.html is not None:
        write()
        say(f"wrote {args.html}")
    if args.json:
        answer(found.to_dict())
    else:
        tell()
    return 0


def _preflight(args: argparse.Namespace) -> int:
    from counterpoint_migrate.plan.preflight import preflight

    found = preflight(args.pipeline, args.source, args.target, python_of, every=args.all)
    if args.json:
        answer(found.to_dict())
    else:
        _tell_preflight(found)
    return 2 if found.refused else 0


def _tell(found: Inventory) -> None:
    from counterpoint_migrate.inventory.report import schedule_of, summary_of

    columns = ("DAG", "schedule", "owners", "tasks", "operators", "place")
    table("DAGs", columns, [_row(dag, schedule_of(dag.schedule)) for dag in found.dags])
    if found.dependencies:
        rows = [(d.upstream, d.downstream, d.kind, d.confidence, d.place, d.detail) for d in found.dependencies]
        table("What hangs together", ("before", "after", "by", "confidence", "place", ""), rows)
    if found.plugins:
        table("Plugins", ("plugin", "place"), [(plugin["name"], plugin["place"]) for plugin in found.plugins])
    _tell_unresolved(found)
    echo(summary_of(found))


def _tell_unresolved(found: Inventory | Plan) -> None:
    if found.unresolved:
        rows_left = [(entry.place, entry.kind, entry.detail) for entry in found.unresolved]
        table("Not known from the source", ("place", "kind", ""), rows_left)


def _row(dag: Dag, schedule: str) -> Sequence[Any]:
    from counterpoint_migrate.inventory.report import operators_of

    operators = ", ".join(f"{name} {count}" if count > 1 else name for name, count in operators_of(dag).items())
    return _shown(dag), schedule, ", ".join(dag.owners), len(dag.tasks), operators, dag.place


def _shown(dag: Dag) -> str:
    return dag.id if dag.literal else f"{dag.id} (expression)"


def _tell_plan(found: Plan) -> None:
    from counterpoint_migrate.plan import planreport

    for line in (*planreport.wave_lines(found), *planreport.bridge_lines(found)):
        echo(line)
    columns = ("DAG", "wave", "score", "value", "complex", "risk", "coupled")
    table("DAGs", columns, map(planreport.move_row, found.dags))
    table("What Dagster does otherwise", ("need", "DAGs", "in Dagster"), planreport.need_rows(found))
    strangers = [(one.operator, one.module, move.id) for move in found.dags for one in move.strangers]
    if strangers:
        table("No counterpart is known", ("operator", "module", "DAG"), strangers)
    if found.cycles:
        cycles = [(cycle.name, planreport.kind_of(cycle)) for cycle in found.cycles]
        table("Cycles", ("cycle", ""), cycles)
    if found.to_confirm:
        rows = [(one.upstream, one.downstream, one.confidence, one.place, one.detail) for one in found.to_confirm]
        table("To confirm", ("before", "after", "confidence", "place", ""), rows)
    _tell_unresolved(found)
    echo(planreport.summary_of_plan(found))


def _tell_preflight(found: Preflight) -> None:
    columns = ("property", "verdict", f"on {found.source}", f"on {found.target}")
    used = {row.name: "" if row.used_by else " (not used)" for row in found.rows}
    rows = [(row.title + used[row.name], row.verdict, row.source.text, row.target.text) for row in found.rows]
    table(f"{found.pipeline}: from {found.source} to {found.target}", columns, rows)
    for row in found.rows:
        if row.note and row.used_by:
            echo(f"{row.title}: {row.note}")
    echo(found.summary)
