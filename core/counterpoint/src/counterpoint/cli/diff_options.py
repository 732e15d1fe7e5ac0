"""The options of `counterpoint diff`: what is compared, how values are equal, and how CSV files are written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from counterpoint.diff import Options, Tolerance
    from counterpoint.storage.csvdialects import Dialect

_SIDES = "once for both sides, twice for left and right"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the comparison."""
    add = parser.add_argument
    add("--key", metavar="C1,C2", help="key columns that match rows; default detected")
    add("--columns", metavar="C1,C2", help="compare these columns and the key only")
    add("--ignore", metavar="C1,C2", help="do not compare these columns")
    add("--tolerance", metavar="X", help="absolute tolerance, of all numbers (X) or of columns (COLUMN=X,...)")
    add("--relative-tolerance", metavar="X", help="tolerance as a share of the larger number: X, or COLUMN=X,...")
    add("--case-insensitive-names", action="store_true", help="match names of columns in any case")
    add("--ignore-case", action="store_true", help="compare texts in any case")
    add("--ignore-space", action="store_true", help="compare texts without white space at both ends")
    add("--samples", type=int, default=10, metavar="N", help="differing rows shown per column and side; default 10")
    add("--rows", metavar="FILE", help="write all differing rows to a .csv or .parquet file")
    add("--html", metavar="FILE", help="write the report as a page")
    add("--separator", action="append", metavar="C", help=f"of CSV files, such as ';' or tab; {_SIDES}")
    add("--encoding", action="append", metavar="NAME", help=f"of CSV files, such as latin-1; {_SIDES}")
    add("--no-header", action="store_true", help="the CSV files have no header: columns are column_1, column_2, ...")


def options_of(args: argparse.Namespace) -> Options:
    """The options that a command line gives.

    Raises:
        UsageError: one is not written as it should be.
    """
    from counterpoint.diff import Options
    from counterpoint.errors import UsageError

    if args.samples < 0:
        raise UsageError(f"--samples {args.samples}: give 0 or more")
    return Options(
        _names(args.key, "--key"),
        tolerance_of(args.tolerance or "0", args.relative_tolerance or "0"),
        args.samples,
        _names(args.columns, "--columns"),
        _names(args.ignore, "--ignore"),
        args.case_insensitive_names,
        args.ignore_case,
        args.ignore_space,
        _rows_file(args),
        _dialects(args),
    )


def _names(text: str | None, option: str) -> tuple[str, ...]:
    from counterpoint.errors import UsageError

    names = tuple(text.split(",")) if text is not None else ()
    if "" in names or len(set(names)) < len(names):
        raise UsageError(f"{option} {text}: separate columns by commas, and name each once")
    return names


def _rows_file(args: argparse.Namespace) -> str | None:
    from pathlib import Path

    from counterpoint.diff.rowsfile import SUFFIXES
    from counterpoint.errors import UsageError
    from counterpoint.redaction import shows_rows
    from counterpoint.redaction.rows import ROW_VALUES

    for option, file, endings in (("--rows", args.rows, SUFFIXES), ("--html", args.html, (".html",))):
        if file is None:
            continue
        if Path(file).suffix not in endings:
            raise UsageError(f"{option} {file}: name a {' or '.join(endings)} file")
        target = Path(file).resolve()
        if any(
            target == side or side in target.parents for side in (Path(args.left).resolve(), Path(args.right).resolve())
        ):
            raise UsageError(f"{option} {file}: it lies in what is compared; name another file")
    if args.rows and not shows_rows():
        raise UsageError(f"--rows {args.rows}: {ROW_VALUES} is off, so values of rows are not written; leave it out")
    return None if args.rows is None else str(args.rows)


def _dialects(args: argparse.Namespace) -> tuple[Dialect, Dialect]:
    from counterpoint.errors import UsageError
    from counterpoint.storage.csvdialects import Dialect

    pairs = {"--separator": args.separator or [","], "--encoding": args.encoding or ["utf-8"]}
    for option, values in pairs.items():
        if len(values) > len(("left", "right")):
            raise UsageError(f"{option} is given {len(values)} times: give it {_SIDES}")
    sides = ((values[0], values[-1]) for values in pairs.values())
    names = () if args.no_header else None
    separators, encodings = sides
    left, right = (
        Dialect({"tab": "\t", "\\t": "\t"}.get(separator, separator), encoding, names)
        for separator, encoding in zip(separators, encodings, strict=True)
    )
    return left, right


def tolerance_of(text: str, relative: str = "0") -> Tolerance:
    """A tolerance as it is written: X, or COLUMN=X, or several of them with commas between.

    Raises:
        UsageError: a part is no number of zero or more.
    """
    from counterpoint.diff import Tolerance

    return Tolerance(*_numbers(text, "--tolerance"), *_numbers(relative, "--relative-tolerance"))


def _numbers(text: str, option: str) -> tuple[float, dict[str, float]]:
    from counterpoint.errors import UsageError

    default, columns = 0.0, {}
    for part in text.split(","):
        name, _, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise UsageError(f"{option} {part}: write a number of zero or more, or COLUMN=NUMBER")
        if name:
            columns[name] = value
        else:
            default = value
    return default, columns
