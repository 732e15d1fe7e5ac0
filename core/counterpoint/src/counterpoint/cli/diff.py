"""`counterpoint diff`: compares two tables, two versions of a pipeline's data, or two runs, value by value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from counterpoint.cli.diff_runs import tell_changes
from counterpoint.cli.output import answer, echo, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from counterpoint.diff import KeyUse, ModelDiff, Options, OutputsDiff, Sample, TableDiff, Tolerance, ValueDiff

HELP = "compare two tables, two versions or two runs, value by value"
EXAMPLE = """\
counterpoint diff old.parquet new.parquet --key user_id --tolerance score=1e-6
counterpoint diff streamrec@production streamrec@january --samples 3"""
_THING = "Delta folder[@VERSION], Parquet file or folder, CSV file, s3:// URI, PIPELINE@TAG, or run id"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds both sides and the options of the comparison."""
    parser.add_argument("left", metavar="LEFT", help=_THING)
    parser.add_argument("right", metavar="RIGHT", help="the other side, of the same kind")
    parser.add_argument("--key", metavar="C1,C2", help="key columns that match rows; default detected")
    parser.add_argument(
        "--tolerance", metavar="X", help="absolute tolerance, of all numbers (X) or of columns (COLUMN=X,...)"
    )
    parser.add_argument(
        "--samples", type=int, default=10, metavar="N", help="differing rows shown per column and side; default 10"
    )


def run(args: argparse.Namespace) -> int:
    """Compares both sides; returns 4 when they differ."""
    options = options_of(args)
    from counterpoint.diff import TableDiff, diff
    from counterpoint.errors import DifferenceError
    from counterpoint.services.service_environments import absolute

    result = diff(absolute(args.root), args.left, args.right, options)
    if args.json:
        answer(result.to_dict())
    elif isinstance(result, TableDiff):
        _tell_table(result)
    else:
        _tell_outputs(result)
    echo(f"{args.left} and {args.right}: {'equal' if result.equal else 'different'}", beside=args.json)
    return 0 if result.equal else DifferenceError.exit_code


def options_of(args: argparse.Namespace) -> Options:
    """The options that a command line gives.

    Raises:
        UsageError: one is not written as it should be.
    """
    from counterpoint.diff import Options
    from counterpoint.errors import UsageError

    key = tuple(args.key.split(",")) if args.key is not None else ()
    if "" in key or len(set(key)) < len(key):
        raise UsageError(f"--key {args.key}: separate columns by commas, and name each once")
    if args.samples < 0:
        raise UsageError(f"--samples {args.samples}: give 0 or more")
    return Options(key, tolerance_of(args.tolerance or "0"), args.samples)


def tolerance_of(text: str) -> Tolerance:
    """A tolerance as it is written: X, or COLUMN=X, or several of them with commas between.

    Raises:
        UsageError: a part is no number of zero or more.
    """
    from counterpoint.diff import Tolerance
    from counterpoint.errors import UsageError

    default, columns = 0.0, {}
    for part in text.split(","):
        name, _, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise UsageError(f"--tolerance {part}: write a number of zero or more, or COLUMN=NUMBER")
        if name:
            columns[name] = value
        else:
            default = value
    return Tolerance(default, columns)


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
    echo("rows: " + ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in result.rows.to_dict().items()))
    echo(_how(result.key))
    schema = [(name, "missing on the right") for name in result.schema.only_left]
    schema += [(name, "missing on the left") for name in result.schema.only_right]
    for change in result.schema.types:
        note = "" if change.compared else ": not compared"
        schema.append((change.name, f"{change.left} left, {change.right} right{note}"))
    if schema:
        table("Columns", ("column", "difference"), schema)
    if changed := [(c.name, f"{c.changed:,}", c.max_abs_diff) for c in result.columns if c.changed]:
        table("Changed cells", ("column", "changed", "largest difference"), changed)
    if result.samples:
        table("Samples", ("", "key", "column", "left", "right"), map(_sample, result.samples))


def _sample(result: Sample) -> Sequence[str | None]:
    from counterpoint.diff.showing import told, told_apart

    if result.column is None:
        sides = tuple(None if side is None else told(side) for side in (result.left, result.right))
    else:
        sides = told_apart(result.left, result.right)
    return result.kind.replace("_", " "), told(dict(result.key)), result.column, *sides


def _how(key: KeyUse | None) -> str:
    if key is None:
        return "equal files: no values were compared"
    if not key.columns:
        return "no key: whole rows are compared"
    from counterpoint.diff.showing import told

    used = f"matched by {', '.join(key.columns)} ({'detected' if key.found else 'given'})"
    if not key.repeated_left and not key.repeated_right:
        return used
    counts = f"{key.repeated_left:,} left, {key.repeated_right:,} right"
    return f"{used}; repeated keys: {counts}{''.join(f', {told(dict(example))}' for example in key.examples)}"


def _tell_values(result: ModelDiff | ValueDiff) -> None:
    from counterpoint.diff import ModelDiff

    if isinstance(result, ModelDiff):
        tensors = [(t.name, t.left, t.right, t.changed, t.max_abs_diff) for t in result.tensors if not t.equal]
        table("Tensors", ("tensor", "left", "right", "changed", "largest difference"), tensors)
    if result.values:
        from counterpoint.diff.showing import told_apart

        values = [(c.path, *told_apart(*c.told()), c.abs_diff) for c in result.values]
        table("Values", ("value", "left", "right", "difference"), values)
