"""`counterpoint migrate cutover` and `migrate rollback`: move the schedule of a pipeline or of steps to a side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.configured import environment_of
from counterpoint.cli.environments import ORCHESTRATORS, python_of
from counterpoint.cli.output import answer, echo
from counterpoint.cli.run import PIPELINE
from counterpoint.commands import command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from counterpoint.runtime.schedule_ownership import Owners, Party
    from counterpoint_migrate.cutover.cutover import Move
    from counterpoint_migrate.cutover.schedules import Side

ABOUT = "move the schedule of a pipeline, or single steps of it, from one side to the other"
ABOUT_ROLLBACK = "undo the last cut-over of a pipeline or of its steps, also an unfinished one"
EXAMPLE = """\
counterpoint migrate cutover streamrec --from airflow --to dagster
counterpoint migrate cutover streamrec raw_interactions --from airflow --to dagster --after 3"""
EXAMPLE_ROLLBACK = "counterpoint migrate rollback streamrec --wait"
_DAYS = 7


def arguments(sub: argparse.ArgumentParser) -> None:
    """Both sides, and the number of equal dates that is required."""
    _pipeline_arguments(sub)
    sub.add_argument(
        "--from",
        dest="from_side",
        default="airflow",
        choices=ORCHESTRATORS,
        metavar="SIDE",
        help="side that gives up the schedule; default airflow",
    )
    sub.add_argument(
        "--to",
        dest="to_side",
        default="dagster",
        choices=ORCHESTRATORS,
        metavar="SIDE",
        help="side that takes it over; default dagster",
    )
    sub.add_argument(
        "--after",
        type=int,
        default=_DAYS,
        metavar="N",
        help="equal dates in a row that are required; default 7, 0 for none",
    )
    sub.add_argument(
        "--legacy", metavar="FILE.toml", type=Path, help="file whose [airflow] describes the DAG of the --from side"
    )
    _wait_argument(sub)


def rollback_arguments(sub: argparse.ArgumentParser) -> None:
    """The pipeline, or steps of it."""
    _pipeline_arguments(sub)
    _wait_argument(sub)


def _pipeline_arguments(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    sub.add_argument("steps", metavar="STEP", nargs="*", help="move only these steps; then both schedules run")


def _wait_argument(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--wait", action="store_true", help="wait for active runs to end; default is to fail if there are any"
    )


def run(args: argparse.Namespace) -> int:
    """Cuts over."""
    from counterpoint.errors import UsageError
    from counterpoint.runtime.schedule_ownership import Party
    from counterpoint_migrate.cutover.cutover import cut_over
    from counterpoint_migrate.validate.legacyfile import read_airflow

    move = _move(args)
    legacy = read_airflow(args.legacy, move.pipeline).to_dict() if args.legacy else None
    source, target = Party(args.from_side, legacy), Party(args.to_side)
    if legacy is not None and source.name != "airflow":
        raise UsageError(f"--legacy describes an Airflow DAG: leave out --from {source.name}")
    if source == target:
        raise UsageError(f"--from and --to are both {target.name}: name two different sides")
    return _print_owner(args, move, cut_over(move, source, target, args.after, args.steps))


def run_rollback(args: argparse.Namespace) -> int:
    """Rolls back."""
    from counterpoint_migrate.cutover.cutover import roll_back

    move = _move(args)
    return _print_owner(args, move, roll_back(move, args.steps))


def _move(args: argparse.Namespace) -> Move:
    from counterpoint.configuration import configuration_of
    from counterpoint.runtime import find_pipeline
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.cutover.cutover import Move

    root = absolute(args.root)

    def side_of(party: Party) -> Side:
        from counterpoint_migrate.cutover.schedules import Served
        from counterpoint_migrate.validate.legacyairflow import LegacyDag

        if party.legacy is not None:
            return LegacyDag(**party.legacy)
        return Served(party.name, root, args.pipeline, python_of(party.name))

    environment = environment_of(args)
    configuration = configuration_of(environment, args.pipeline, root=root) if environment else None
    return Move(Objects(root), find_pipeline(args.pipeline), side_of, args.wait, args.pipeline, configuration)


def _print_owner(args: argparse.Namespace, move: Move, owners: Owners) -> int:
    """Prints the owner of the pipeline, and the services that apply the change only when they start."""
    document = {"pipeline": move.pipeline.name, **owners.to_dict(), "later": _sides_not_running(move, owners)}
    if args.json:
        answer(document)
    name = move.pipeline.name
    echo(f"{name}: {ownership_text(document)}", beside=args.json)
    for side in document["later"]:
        up = command("up", side, "--pipeline", args.pipeline, root=move.objects.root)
        echo(f"{side} is not serving {name}: the change takes effect when '{up}' starts it", beside=args.json)
    return 0


def ownership_text(ownership: Mapping[str, Any]) -> str:
    """The owner of a pipeline, since when, and the steps that another side owns, in words."""
    if not ownership["owner"]:
        return "no cut-over yet"
    sides: dict[str, list[str]] = {}
    for step, side in ownership["steps"].items():
        sides.setdefault(side, []).append(step)
    parts = [f"except {', '.join(steps)}, owned by {side}" for side, steps in sides.items()]
    owner = f"owned by {ownership['owner']['name']} since {ownership['since']}"
    return ", ".join([owner, *parts])


def _sides_not_running(move: Move, owners: Owners) -> list[Any]:
    """The sides of the last change whose services are not running now."""
    from counterpoint.runtime.schedule_ownership import Party

    last_change = owners.history[-1] if owners.history else {}
    parties = [Party.from_dict(last_change[end]) for end in ("from", "to") if end in last_change]
    return [party.name for party in parties if not move.side_of(party).is_running]
