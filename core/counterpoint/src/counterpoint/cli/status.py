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
from counterpoint.cli.run import PIPELINE, configuration_from, setting_options
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
    store = Store(root, pipeline, args.version)
    overridden = configuration_from(args, args.pipeline).settings
    is_production = args.version == PRODUCTION
    recorded = made_with(store, pipeline.name) if is_production else manifest_of(store, args.version)["asked"]["config"]
    # settings that the pipeline no longer has are left out
    config = {**pipeline.own(recorded), **overridden}
    if config != overridden:
        say(f"compared with the settings of {args.version}: {shlex.join(setting_words(config))}")
    keys = pipeline.partitions.range(args.first, args.last) if args.first else ()
    states = grid(root, args.pipeline, pipeline.configured(config), args.version, keys, verify=args.verify)
    states["settings"] = redacted_values(config)
    if args.picture:
        _picture(states, args.picture)
    if args.json:
        answer(states)
        return 0
    _draw(console_of(sys.stdout), states)
    for wait in states["waiting"]:
        words = ", ".join(wait["for"])
        echo(f"{wait['date']} {wait['step']} waits for {words} until {wait['until'][:19]}Z ({wait['run_id']})")
    for output in states["damaged"]:
        place = f"{output['date']} {output['step']}: {output['file']} {output['what']}"
        echo(f"{place}: recompute it with '{output['command']}'")
    if not args.verify and states["partitions"]:
        say("files exist, but were not read: --verify checks their digests")
    return 0


def _picture(states: dict[str, Any], path: str) -> None:
    """Writes the grid as a picture, as wide as it is on a terminal."""
    from rich.console import Console

    console = Console(file=io.StringIO(), record=True, width=None if sys.stdout.isatty() else _WIDTH)
    _draw(console, states)
    drawn = console.export_svg(title=command("status", states["pipeline"], "--version", states["version"], root=None))
    # without the fonts, which a viewer would fetch from the network; every viewer has a monospaced font
    Path(path).write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL), encoding="utf-8")


def _draw(console: Console, states: dict[str, Any]) -> None:
    """Draws the steps as rows and the partitions as columns, in blocks as wide as the terminal."""
    rows = states["partitions"]
    width = max((len(row["date"]) for row in rows), default=0) + 3
    room = max((console.width - max(map(len, states["steps"])) - 4) // width, 1)
    for first in range(0, len(rows), room):
        console.print(_block(states, rows[first : first + room]))
    legend = "  ".join(f"{mark} {state}" for state, (mark, _) in MARKS.items())
    console.print(legend if rows else "no outputs yet")


def _block(states: dict[str, Any], rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    drawn = Table()
    for column in (f"{states['pipeline']}, {states['version']}", *(row["date"] for row in rows)):
        drawn.add_column(shown(column))
    for step in states["steps"]:
        marks = [MARKS[row["steps"][step]] for row in rows]
        drawn.add_row(shown(step), *(Text(mark, style=style, justify="center") for mark, style in marks))
    return drawn
