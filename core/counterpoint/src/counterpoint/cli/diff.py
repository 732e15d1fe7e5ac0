"""`counterpoint diff`: compares two tables, two versions of a pipeline's data, or two runs, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.cli import diff_options
from counterpoint.cli.diff_report import blocks_of
from counterpoint.cli.diff_runs import tell_changes
from counterpoint.cli.output import answer, echo, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from counterpoint.diff import ModelDiff, OutputsDiff, TableDiff, ValueDiff

HELP = "compare two tables, two versions or two runs, value by value"
EXAMPLE = """\
counterpoint diff old.parquet new.parquet --key user_id --tolerance score=1e-6
counterpoint diff streamrec@production streamrec@january --samples 3"""
_THING = (
    "Delta folder[@VERSION or @TIME], Parquet file or folder, CSV file or folder, s3:// URI, PIPELINE@TAG, or run id"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds both sides and the options of the comparison."""
    parser.add_argument("left", metavar="LEFT", help=_THING)
    parser.add_argument("right", metavar="RIGHT", help="the other side, of the same kind")
    diff_options.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Compares both sides; returns 4 when they differ."""
    options = diff_options.options_of(args)
    from counterpoint.diff import TableDiff, diff
    from counterpoint.errors import DifferenceError
    from counterpoint.services.service_environments import absolute

    result = diff(absolute(args.root), args.left, args.right, options)
    if args.html:
        _write_page(args.html, args.left, args.right, result)
    if args.json:
        answer(result.to_dict())
    elif isinstance(result, TableDiff):
        _tell_table(result)
    else:
        _tell_outputs(result)
    echo(f"{args.left} and {args.right}: {'equal' if result.equal else 'different'}", beside=args.json)
    return 0 if result.equal else DifferenceError.exit_code


def _tell_outputs(result: OutputsDiff) -> None:
    differing = [output for output in result.outputs if not output.equal]
    rows: list[Sequence[object]] = [(o.step, o.partition, o.kind, "differs") for o in differing]
    for side, alone in (("left only", result.only_left), ("right only", result.only_right)):
        rows += [(step, key, None, side) for step, key in alone]
    unread = sum(output.report is None and output.equal for output in result.outputs)
    title = f"{len(result.outputs)} outputs on both sides: {len(differing)} differ, {unread} equal by digest"
    table(title, ("step", "partition", "kind", ""), rows)
    from counterpoint.diff import TableDiff

    if result.changes is not None:
        tell_changes(result.changes)
    for output in differing:
        echo(f"\n{output.step} of {output.partition}")
        if isinstance(output.report, TableDiff):
            _tell_table(output.report)
        elif output.report is not None:
            _tell_values(output.report)


def _tell_table(result: TableDiff) -> None:
    for block in blocks_of(result):
        if block.heads:
            table(block.title, block.heads, block.rows)
        else:
            echo(block.title)


def _write_page(file: str, left: str, right: str, result: TableDiff | OutputsDiff) -> None:
    from pathlib import Path

    from counterpoint.cli.diff_page import page_of
    from counterpoint.diff import TableDiff
    from counterpoint.errors import UsageError
    from counterpoint.files import put

    if not isinstance(result, TableDiff):
        raise UsageError("--html is for two tables: leave it out for versions and runs, or name a table of each")
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        put(Path(file), page_of(left, right, result))
    except OSError as error:
        raise UsageError(f"--html {file} cannot be written: {error.strerror or error}") from error


def _tell_values(result: ModelDiff | ValueDiff) -> None:
    from counterpoint.diff import ModelDiff

    if isinstance(result, ModelDiff):
        tensors = [(t.name, t.left, t.right, t.changed, t.max_abs_diff) for t in result.tensors if not t.equal]
        table("Tensors", ("tensor", "left", "right", "changed", "largest difference"), tensors)
    if result.values:
        from counterpoint.diff.showing import told_apart

        values = [(c.path, *told_apart(*c.told()), c.abs_diff) for c in result.values]
        table("Values", ("value", "left", "right", "difference"), values)
