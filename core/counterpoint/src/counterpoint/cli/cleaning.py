"""`counterpoint doctor --clean`: what old runs left and nothing needs any more is removed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from counterpoint.cli.output import answer, say, table

if TYPE_CHECKING:
    import argparse

_COLUMNS = ("pipeline", "runs removed", "runs packed", "runs kept", "files fewer", "bytes removed")


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `--clean`."""
    words = "remove records of ended runs that nothing needs any more, and pack those of others, a file a run"
    parser.add_argument("--clean", action="store_true", help=words)
    words = "clean: of runs that ended longer ago, as 90d or 12h; default the pipeline's retain"
    parser.add_argument("--older-than", metavar="TIME", help=words)
    parser.add_argument("--dry-run", action="store_true", help="clean: say what would be removed; remove nothing")


def clean_root(args: argparse.Namespace) -> int:
    """Cleans, or says what it would do; exit code 2 when nothing says how long records are kept."""
    from counterpoint.services.sites import absolute
    from counterpoint.upkeep import clean, limits_of

    root = absolute(args.root)
    limits, without = limits_of(root, args.older_than)
    done = clean(root, limits, dry_run=args.dry_run)
    for name, why in without.items():
        say(f"{name} {why}: it is left as it is; --older-than cleans it, too")
    for name in sorted(limits.keys() - {one.pipeline for one in done}):
        say(f"{name} is left as it is: it was repaired, and what was not found again may still be found in its records")
    if args.json:
        answer({"dry_run": args.dry_run, "pipelines": [asdict(one) for one in done]})
        return 0
    rows = [(o.pipeline, o.removed, o.packed, o.kept, o.files, o.bytes) for o in done]
    table("Would be cleaned" if args.dry_run else "Cleaned", _COLUMNS, [tuple(map(str, row)) for row in rows])
    return 0


def refuse_contradictions(args: argparse.Namespace) -> None:
    """Refuses options that do nothing, or two works at once.

    Raises:
        UsageError: names them.
    """
    from counterpoint.errors import UsageError

    if args.clean and args.repair:
        raise UsageError("give --repair or --clean: what is damaged is repaired first")
    if not args.clean and (args.dry_run or args.older_than is not None):
        raise UsageError("--older-than and --dry-run are of --clean: give it, too")
