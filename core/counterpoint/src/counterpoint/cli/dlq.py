"""`counterpoint dlq`: lists, shows and reprocesses dead letters, the rows that steps rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.cli.output import answer, echo, minute, table
from counterpoint.cli.run import PIPELINE
from counterpoint.commands import command

if TYPE_CHECKING:
    import argparse

    from counterpoint.storage import Store

HELP = "list, show or reprocess dead letters: the rows that steps rejected"
EXAMPLE = """\
counterpoint dlq show streamrec --date 2026-01-07 --limit 5
counterpoint dlq reprocess streamrec --delay 0s --dry-run"""
_OPTIONS = {
    "list": (),
    "show": ("step", "date", "limit"),
    "reprocess": ("step", "first", "last", "delay", "dry_run"),
}
_FLAGS = {"first": "--from", "last": "--to", "dry_run": "--dry-run"}
_SHOWN = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, with which pipeline, and which of its rows."""
    parser.add_argument("action", choices=tuple(_OPTIONS), help="count rows, show rows, or process them again")
    parser.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    parser.add_argument("--step", metavar="S", help="show, reprocess: only this step")
    parser.add_argument("--date", metavar="D", help="show: only this partition")
    parser.add_argument("--limit", type=int, metavar="N", help=f"show: most rows to print; default {_SHOWN}, 0 all")
    parser.add_argument("--from", dest="first", metavar="A", help="reprocess: first partition the rows come from")
    parser.add_argument("--to", dest="last", metavar="B", help="reprocess: last partition")
    parser.add_argument("--delay", metavar="SPAN", help="reprocess: least age of the rows: 30m, 1h (default), 2d, 0s")
    parser.add_argument("--dry-run", action="store_true", help="reprocess: print what would be sent, send nothing")


def run(args: argparse.Namespace) -> int:
    """Counts, shows or resubmits rows; dead letters are no failure of the command."""
    from counterpoint.runtime import find_pipeline
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage import Store

    _refuse_misplaced(args)
    store = Store(absolute(args.root), find_pipeline(args.pipeline))
    {"list": _list, "show": _show, "reprocess": _reprocess}[args.action](args, store)
    return 0


def _refuse_misplaced(args: argparse.Namespace) -> None:
    from counterpoint.errors import UsageError

    for name in {option for options in _OPTIONS.values() for option in options} - {*_OPTIONS[args.action]}:
        if getattr(args, name) not in {None, False}:
            raise UsageError(f"dlq {args.action} has no option {_FLAGS.get(name, f'--{name}')}: leave it out")
    if args.limit is not None and args.limit < 0:
        raise UsageError(f"--limit {args.limit}: give 0 for all rows, or a number of rows")


def _list(args: argparse.Namespace, store: Store) -> None:
    from counterpoint.deadletters import overview

    result = overview(store)
    if args.json:
        answer(result)
        return
    names = ("partition", "waiting", "since", "failed", "resubmitted", "received", "permanent")
    for step in dict.fromkeys(row["step"] for row in result["partitions"]):
        rows = [row for row in result["partitions"] if row["step"] == step]
        cells = [[(row[name] or "") if name != "since" else minute(row[name]) for name in names] for row in rows]
        table(
            step,
            ("partition", "waiting", "waiting since (UTC)", "failed", "resubmitted", "received", "permanent"),
            cells,
        )
    echo(f"{result['pipeline']}: {result['totals']['waiting']} rows waiting")


def _show(args: argparse.Namespace, store: Store) -> None:
    from counterpoint.deadletters import shown

    result = shown(store, args.step, args.date, _SHOWN if args.limit is None else args.limit)
    if args.json:
        answer(result)
        return
    names = ("partition", "state", "reason", "origin")
    for step in dict.fromkeys(row["step"] for row in result["rows"]):
        table(step, names, [tuple(row[name] for name in names) for row in result["rows"] if row["step"] == step])
    echo(f"{result['pipeline']}: {len(result['rows'])} of {result['total']} rows")


def _reprocess(args: argparse.Namespace, store: Store) -> None:
    from counterpoint.deadletters import reprocess
    from counterpoint.model.lengths import length_of

    delay = {"delay": length_of(args.delay, "--delay")} if args.delay else {}
    result = reprocess(store, args.step, first=args.first, last=args.last, dry_run=args.dry_run, **delay)
    result["next"] = _next(store, result, args.pipeline)
    if args.json:
        answer(result)
        return
    names = ("step", "partition", "letters", "given_up")
    rows = [(*(row[name] for name in names), _arrived(row)) for row in result["partitions"]]
    would = "would be resubmitted" if args.dry_run else "resubmitted"
    table(
        f"{result['pipeline']}: {result['letters']} rows {would}",
        ("step", "partition", "rows", "given up", "sent to"),
        rows,
    )
    if result["next"]:
        echo(f"rebuild the partitions that received rows: {result['next']}")


def _arrived(row: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {rows}" for key, rows in row["arrived"].items())


def _next(store: Store, result: dict[str, Any], pipeline: str) -> str | None:
    """The command that rebuilds existing outputs of the partitions that received rows, and their dependents."""
    from counterpoint.runtime.settings import made_with

    existing = {key.partition(".")[0] for row in result["partitions"] for key in store.entries(row["step"])}
    stale = existing.intersection(key.partition(".")[0] for row in result["partitions"] for key in row["arrived"])
    if not stale or result["dry_run"]:
        return None
    words = ("backfill", pipeline, "--from", min(stale), "--to", max(existing), "--stale")
    return command(*words, root=store.root, config=made_with(store, store.pipeline.name))
