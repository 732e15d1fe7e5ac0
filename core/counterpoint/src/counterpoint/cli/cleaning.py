"""`counterpoint doctor --clean`: removes the records of old runs that nothing refers to."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from counterpoint.cli.output import answer, say, table

if TYPE_CHECKING:
    import argparse

_COLUMNS = ("pipeline", "runs removed", "runs packed", "runs kept", "files removed", "bytes removed")


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `--clean`."""
    words = "remove records of old runs that nothing refers to, and pack the others into one file per run"
    parser.add_argument("--clean", action="store_true", help=words)
    words = "clean: age of the runs to clean, as 90d or 12h; default the pipeline's retain"
    parser.add_argument("--older-than", metavar="TIME", help=words)
    parser.add_argument("--dry-run", action="store_true", help="clean: print what would be removed, remove nothing")


def clean_root(args: argparse.Namespace) -> int:
    """Cleans, or prints what it would remove; returns 2 when no limit says how long records are kept."""
    from counterpoint.services.service_environments import absolute
    from counterpoint.upkeep import clean, limits_of

    root = absolute(args.root)
    limits, without = limits_of(root, args.older_than)
    cleaned = clean(root, limits, dry_run=args.dry_run)
    for name, why in without.items():
        say(f"{name} {why}: not cleaned; --older-than includes it")
    for name in sorted(limits.keys() - {pipeline.pipeline for pipeline in cleaned}):
        say(
            f"{name} is not cleaned: it was repaired, and its records may be the only trace of outputs that are missing"
        )
    if args.json:
        answer({"dry_run": args.dry_run, "pipelines": [asdict(pipeline) for pipeline in cleaned]})
        return 0
    rows = [(o.pipeline, o.removed, o.packed, o.kept, o.files, o.bytes) for o in cleaned]
    table(
        "Records that would be removed" if args.dry_run else "Records removed",
        _COLUMNS,
        [tuple(map(str, row)) for row in rows],
    )
    return 0


def refuse_contradictions(args: argparse.Namespace) -> None:
    """Refuses options without an effect, and two actions at once.

    Raises:
        UsageError: names them.
    """
    from counterpoint.errors import UsageError

    if args.clean and args.repair:
        raise UsageError("give --repair or --clean, not both: repair first")
    if not args.clean and (args.dry_run or args.older_than is not None):
        raise UsageError("--older-than and --dry-run need --clean")
