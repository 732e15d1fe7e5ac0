"""`counterpoint status`: the state of each step in each partition, as a grid."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.marks import MARKS
from counterpoint.cli.output import answer, console_of, echo, say, shown
from counterpoint.cli.run import PIPELINE, setting_options, settings
from counterpoint.commands import command, setting_words

if TYPE_CHECKING:
    import argparse

    from rich.console import Console
    from rich.table import Table

HELP = "show the state of each step and partition: fresh, stale, failed, missing, ..."
EXAMPLE = "counterpoint status streamrec --from 2026-01-01 --to 2026-01-07 --verify"
_WIDTH = 100  # of a picture, in columns


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline, the version and the range."""
    parser.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    parser.add_argument(
        "--version", default="production", metavar="TAG", help="version of the data; default production"
    )
    parser.add_argument("--from", dest="first", metavar="A", help="first partition; default every partition with data")
    parser.add_argument("--to", dest="last", metavar="B", help="last partition")
    parser.add_argument("--picture", metavar="FILE", help="also write the grid as an SVG picture")
    parser.add_argument("--verify", action="store_true", help="read every output and check its digest")
    setting_options(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the grid."""
    from counterpoint.backfill import grid, manifest_of
    from counterpoint.errors import UsageError
    from counterpoint.model import PRODUCTION
    from counterpoint.redaction import redacted_values
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.settings import made_with
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage import Store

    if bool(args.first) != bool(args.last):
        raise UsageError("give both --from and --to, or neither")
    root, pipeline = absolute(args.root), find_pipeline(args.pipeline)
    store, given = Store(root, pipeline, args.version), settings(args)
    is_production = args.version == PRODUCTION
    kept = made_with(store, pipeline.name) if is_production else manifest_of(store, args.version)["asked"]["config"]
    # what the pipeline has no more would be no setting of it
    config = {**pipeline.own(kept), **given}
    if config != given:
        say(f"compared with the settings of {args.version}: {shlex.join(setting_words(config))}")
    keys = pipeline.partitions.range(args.first, args.last) if args.first else ()
    found = grid(root, args.pipeline, pipeline.configured(config), args.version, keys, verify=args.verify)
    found["settings"] = redacted_values(config)
    if args.picture:
        _picture(found, args.picture)
    if args.json:
        answer(found)
        return 0
    _draw(console_of(sys.stdout), found)
    for one in found["waiting"]:
        words = ", ".join(one["for"])
        echo(f"{one['date']} {one['step']} waits for {words} until {one['until'][:19]}Z ({one['run_id']})")
    for one in found["damaged"]:
        echo(f"{one['date']} {one['step']}: {one['file']} {one['what']}: recompute it with '{one['command']}'")
    if not args.verify and found["partitions"]:
        say("files exist, but were not read: --verify checks their digests")
    return 0


def _picture(found: dict[str, Any], path: str) -> None:
    """Writes the grid as a picture, as wide as it is on a terminal."""
    from rich.console import Console

    console = Console(file=io.StringIO(), record=True, width=None if sys.stdout.isatty() else _WIDTH)
    _draw(console, found)
    drawn = console.export_svg(title=command("status", found["pipeline"], "--version", found["version"], root=None))
    # its fonts would be fetched from elsewhere; whoever looks at it has a font of equal widths
    Path(path).write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL), encoding="utf-8")


def _draw(console: Console, found: dict[str, Any]) -> None:
    """The steps as rows, the partitions as columns, as many beside each other as the terminal is wide."""
    rows = found["partitions"]
    width = max((len(row["date"]) for row in rows), default=0) + 3
    room = max((console.width - max(map(len, found["steps"])) - 4) // width, 1)
    for first in range(0, len(rows), room):
        console.print(_block(found, rows[first : first + room]))
    legend = "  ".join(f"{mark} {state}" for state, (mark, _) in MARKS.items())
    console.print(legend if rows else "no outputs yet")


def _block(found: dict[str, Any], rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    drawn = Table()
    for column in (f"{found['pipeline']}, {found['version']}", *(row["date"] for row in rows)):
        drawn.add_column(shown(column))
    for step in found["steps"]:
        marks = [MARKS[row["steps"][step]] for row in rows]
        drawn.add_row(shown(step), *(Text(mark, style=style, justify="center") for mark, style in marks))
    return drawn
