"""`counterpoint migrate`: plans, validates and carries out a move from Airflow to another orchestrator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.common import add_command
from counterpoint.cli.environments import ORCHESTRATORS, python_of
from counterpoint.cli.output import answer, echo, say, table
from counterpoint.cli.run import PIPELINE
from counterpoint.errors import UsageError
from counterpoint_migrate.cli import cutting, shadowing, validating

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory import Dag, Inventory
    from counterpoint_migrate.plan import Plan
    from counterpoint_migrate.plan.preflight import Preflight

HELP = "plan, validate and carry out a move from Airflow to another orchestrator"
EXAMPLE = """\
counterpoint migrate inventory dags
counterpoint migrate plan dags --html plan.html
counterpoint migrate validate streamrec --dates 2026-01-01..2026-01-07"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The actions, each with its own options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    about = "list the DAGs of a folder and their dependencies, without running them"
    _of_folder(add_command(actions, "inventory", about, "counterpoint migrate inventory dags --html inventory.html"))
    about = "plan in which order a folder of Airflow DAGs moves to Dagster, and the work for each"
    sub = _of_folder(add_command(actions, "plan", about, "counterpoint migrate plan dags --settings plan.toml"))
    sub.add_argument(
        "--settings", metavar="FILE.toml", type=Path, help="weights, size of a wave, value and owners of DAGs"
    )
    _of_history(sub)
    about = "show what a pipeline does differently on another orchestrator"
    sub = add_command(actions, "preflight", about, "counterpoint migrate preflight streamrec --to prefect")
    sub.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    sub.add_argument(
        "--from",
        dest="source",
        default="airflow",
        choices=ORCHESTRATORS,
        metavar="SIDE",
        help="orchestrator to leave; default airflow",
    )
    sub.add_argument(
        "--to",
        dest="target",
        default="dagster",
        choices=ORCHESTRATORS,
        metavar="SIDE",
        help="orchestrator to move to; default dagster",
    )
    sub.add_argument("--all", action="store_true", help="include properties that the pipeline does not use")
    validating.arguments(add_command(actions, "validate", validating.ABOUT, validating.EXAMPLE))
    shadowing.arguments(add_command(actions, "shadow", shadowing.ABOUT, shadowing.EXAMPLE))
    shadowing.ledger_arguments(add_command(actions, "ledger", shadowing.ABOUT_LEDGER, shadowing.EXAMPLE_LEDGER))
    cutting.arguments(add_command(actions, "cutover", cutting.ABOUT, cutting.EXAMPLE))
    cutting.rollback_arguments(add_command(actions, "rollback", cutting.ABOUT_ROLLBACK, cutting.EXAMPLE_ROLLBACK))


def _of_folder(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub.add_argument("folder", metavar="FOLDER", type=Path, help="DAG files of Airflow 1.10 to 3")
    sub.add_argument("--html", metavar="FILE", type=Path, help="also write the result as a web page")
    return sub


def _of_history(sub: argparse.ArgumentParser) -> None:
    """How the Airflow is asked when its DAGs ran."""
    sub.add_argument(
        "--url", metavar="URL", help="address of the Airflow (2 or 3) of these DAGs: when each ran last, and how long"
    )
    sub.add_argument("--token", metavar="VARIABLE", help="environment variable with a token for --url")
    sub.add_argument("--user", metavar="VARIABLE", help="environment variable with a user for --url")
    sub.add_argument("--password", metavar="VARIABLE", help="environment variable with the password of --user")
    sub.add_argument(
        "--retire-after",
        metavar="DAYS",
        type=int,
        default=90,
        help="offer for retirement what has not run for so long (with --url); default 90",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the action; its exit code is 2 if a preflight refuses the pipeline."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "inventory": _inventory,
        "plan": _plan,
        "preflight": _preflight,
        "validate": validating.run,
        "shadow": shadowing.run,
        "ledger": shadowing.run_ledger,
        "cutover": cutting.run,
        "rollback": cutting.run_rollback,
    }
    return actions[args.action](args)


def _inventory(args: argparse.Namespace) -> int:
    from counterpoint_migrate.inventory import inventory
    from counterpoint_migrate.inventory.report import write_page

    result = inventory(args.folder)
    return _output(args, result, lambda: write_page(result, args.html), lambda: _print_inventory(result))


def _plan(args: argparse.Namespace) -> int:
    from counterpoint_migrate.inventory import inventory
    from counterpoint_migrate.plan import plan, read_settings
    from counterpoint_migrate.plan.planreport import write_plan_page
    from counterpoint_migrate.plan.run_history import AirflowAccess, read_history

    settings = read_settings(args.settings)
    history = None
    if args.url is not None:
        history = read_history(AirflowAccess(args.url, args.token, args.user, args.password))
    elif args.token or args.user or args.password:
        raise UsageError("--token, --user and --password are for an Airflow: add --url")
    if args.retire_after < 1:
        raise UsageError(f"--retire-after {args.retire_after}: write a number of days from 1")
    result = plan(inventory(args.folder), settings, history, args.retire_after)
    return _output(args, result, lambda: write_plan_page(result, args.html), lambda: _print_plan(result))


def _output(
    args: argparse.Namespace, result: Inventory | Plan, write: Callable[[], None], show: Callable[[], None]
) -> int:
    """Writes the page if one is requested, and prints JSON or tables."""
    if args.html is not None:
        write()
        say(f"wrote {args.html}")
    if args.json:
        answer(result.to_dict())
    else:
        show()
    return 0


def _preflight(args: argparse.Namespace) -> int:
    from counterpoint_migrate.plan.preflight import preflight

    report = preflight(args.pipeline, args.source, args.target, python_of, every=args.all)
    if args.json:
        answer(report.to_dict())
    else:
        _print_preflight(report)
    return 2 if report.refused else 0


def _print_inventory(result: Inventory) -> None:
    from counterpoint_migrate.inventory.report import schedule_of, summary_of

    columns = ("DAG", "schedule", "owners", "tasks", "operators", "place")
    table("DAGs", columns, [_row(dag, schedule_of(dag.schedule, dag.zone.shown)) for dag in result.dags])
    if result.dependencies:
        rows = [
            (
                dependency.upstream,
                dependency.downstream,
                dependency.kind,
                dependency.confidence,
                dependency.place,
                dependency.detail,
            )
            for dependency in result.dependencies
        ]
        table("Dependencies", ("upstream", "downstream", "kind", "confidence", "place", "detail"), rows)
    _print_clock_groups(result)
    if result.plugins:
        table("Plugins", ("plugin", "place"), [(plugin["name"], plugin["place"]) for plugin in result.plugins])
    _print_unresolved(result)
    if not result.dags:
        echo(f"No DAG was found in {result.folder}: is it the folder that Airflow reads?")
    echo(summary_of(result))


def _print_clock_groups(result: Inventory | Plan) -> None:
    if result.clock_groups:
        rows = [
            (", ".join(group.upstreams), ", ".join(group.downstreams), group.detail) for group in result.clock_groups
        ]
        table("DAGs that may wait for each other by the clock (low)", ("upstreams", "downstreams", "detail"), rows)


def _print_unresolved(result: Inventory | Plan) -> None:
    if result.unresolved:
        rows = [(entry.place, entry.kind, entry.detail) for entry in result.unresolved]
        table("Unresolved", ("place", "kind", "detail"), rows)


def _row(dag: Dag, schedule: str) -> Sequence[Any]:
    from counterpoint_migrate.inventory.report import operators_of

    operators = ", ".join(f"{name} {count}" if count > 1 else name for name, count in operators_of(dag).items())
    count = len(dag.tasks) if dag.tasks_known else "not known"
    return _name_of(dag), schedule, ", ".join(dag.owners), count, operators, dag.place


def _name_of(dag: Dag) -> str:
    return dag.id if dag.literal else f"{dag.id} (expression)"


def _print_plan(result: Plan) -> None:
    from counterpoint_migrate.plan import planreport

    for line in (*planreport.wave_lines(result), *planreport.bridge_lines(result)):
        echo(line)
    columns = ("DAG", "wave", "score", "value", "complexity", "risk", "coupling")
    table("DAGs", columns, map(planreport.move_row, result.dags))
    retired = [(move.id, move.retire) for move in result.dags if move.retire is not None]
    if retired:
        table("Retire instead of moving", ("DAG", "reason"), retired)
    runs = [(move.id, *planreport.run_row(move)) for move in result.dags if move.runs is not None]
    if runs:
        table("Runs, as Airflow says", ("DAG", "last", "median"), runs)
    table(
        "Requirements and their Dagster equivalents",
        ("requirement", "DAGs", "in Dagster"),
        planreport.need_rows(result),
    )
    strangers = [(operator.operator, operator.module, move.id) for move in result.dags for operator in move.strangers]
    if strangers:
        table("Operators without a known equivalent", ("operator", "module", "DAG"), strangers)
    if result.cycles:
        cycles = [(cycle.name, planreport.kind_of(cycle)) for cycle in result.cycles]
        table("Cycles", ("cycle", "kind"), cycles)
    if result.to_confirm:
        rows = [
            (dependency.upstream, dependency.downstream, dependency.confidence, dependency.place, dependency.detail)
            for dependency in result.to_confirm
        ]
        table("Dependencies to confirm", ("upstream", "downstream", "confidence", "place", "detail"), rows)
    _print_clock_groups(result)
    _print_unresolved(result)
    echo(planreport.summary_of_plan(result))


def _print_preflight(report: Preflight) -> None:
    columns = ("property", "verdict", f"on {report.source}", f"on {report.target}")
    used = {row.name: "" if row.used_by else " (not used)" for row in report.rows}
    rows = [(row.title + used[row.name], row.verdict, row.source.text, row.target.text) for row in report.rows]
    table(f"{report.pipeline}: from {report.source} to {report.target}", columns, rows)
    for row in report.rows:
        if row.note and row.used_by:
            echo(f"{row.title}: {row.note}")
    echo(report.summary)
