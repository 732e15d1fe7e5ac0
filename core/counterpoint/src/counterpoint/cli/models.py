"""`counterpoint models`: lists the registered models of a pipeline, and moves the alias champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.cli.common import add_command
from counterpoint.cli.output import answer, echo, minute, say, table
from counterpoint.cli.run import PIPELINE
from counterpoint.commands import command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from counterpoint.lineage import AliasChange
    from counterpoint.storage import Store

HELP = "list the registered models of a pipeline, promote one, or roll one back"
EXAMPLE = """\
counterpoint models list streamrec
counterpoint models rollback streamrec streamrec-ranking"""
STAGES = ("production", "staging", "archived")
_COLUMNS = ("model", "version", "partition", "stage", "alias", "rolled back", "metrics", "registered (UTC)", "run")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The actions, each with its own options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    example = "counterpoint models list streamrec --stage production"
    sub = add_command(actions, "list", "list the registered models and versions of a pipeline", example)
    sub.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    sub.add_argument("--model", metavar="NAME", help="only this model")
    sub.add_argument("--stage", choices=STAGES, help="only versions of this stage")
    example = "counterpoint models promote streamrec streamrec-ranking 3"
    sub = _of_model(add_command(actions, "promote", "make a version the champion", example))
    sub.add_argument("number", metavar="VERSION", type=int, help="its number; it may have been rolled back")
    example = "counterpoint models rollback streamrec streamrec-ranking --to 2"
    sub = _of_model(add_command(actions, "rollback", "make an earlier version the champion again", example))
    about = "the version to go back to; default the newest before the champion that is not rolled back or archived"
    sub.add_argument("--to", dest="number", metavar="VERSION", type=int, help=about)


def _of_model(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    sub.add_argument("model", metavar="MODEL", help="the registered name")
    return sub


def run(args: argparse.Namespace) -> int:
    """Lists, or moves the alias."""
    from counterpoint.runtime import find_pipeline
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage import Store

    store = Store(absolute(args.root), find_pipeline(args.pipeline))
    if args.action == "list":
        _list(args, store)
    else:
        _move(args, store)
    return 0


def _list(args: argparse.Namespace, store: Store) -> None:
    from counterpoint.errors import UsageError
    from counterpoint.lineage import model_versions

    versions = model_versions(store)
    known = sorted({version.model for version in versions})
    if args.model and args.model not in known:
        raise UsageError(
            f"{store.pipeline.name} below {store.root} has no model {args.model!r}:"
            f" its models are {', '.join(known) or 'none'}"
        )
    wanted = [v for v in versions if args.model in {None, v.model} and args.stage in {None, v.stage}]
    rows = [version.to_dict() for version in wanted]
    if args.json:
        answer({"pipeline": store.pipeline.name, "versions": rows})
    elif rows:
        table(f"Registered models of {store.pipeline.name}", _COLUMNS, map(_row, rows))
    else:
        echo(f"{store.pipeline.name} has no registered models{' of that kind' if versions else ''} below {store.root}")


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in row["metrics"].items())
    aliases, rolled_back = ", ".join(row["aliases"]), _when(row["rolled_back"])
    named = (row["model"], row["version"], row["partition"], row["stage"], aliases, rolled_back)
    return (*named, metrics, minute(row["registered"]), row["run_id"])


def _when(decided: Mapping[str, str | None] | None) -> str:
    if decided is None:
        return ""
    return f"by {decided['by']}, {minute(decided['at'])}" if decided["at"] else "by a later model"


def _move(args: argparse.Namespace, store: Store) -> None:
    import getpass

    from counterpoint.lineage import promote_model, roll_back

    move: Any = promote_model if args.action == "promote" else roll_back
    change: AliasChange = move(store, args.model, args.number, getpass.getuser())
    undo = None
    if change.changed and change.previous is not None:
        undo = command("models", "promote", args.pipeline, change.model, str(change.previous), root=store.root)
    if args.json:
        answer({"pipeline": store.pipeline.name, "action": args.action, **change.to_dict(), "undo": undo})
        return
    echo(_text(change))
    if undo:
        say(f"make version {change.previous} champion again: {undo}")


def _text(change: AliasChange) -> str:
    holder = f"{change.model}: the champion is version {change.champion} ({change.partition})"
    if not change.changed:
        return f"{holder} already; nothing was changed"
    before = f", before it was {f'version {change.previous}' if change.previous else 'none'}"
    marked = f"; rolled back: {', '.join(map(str, change.rolled_back))}" if change.rolled_back else ""
    return holder + before + marked
