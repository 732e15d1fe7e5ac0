"""`counterpoint compare`: the same run on every orchestrator, side by side, as a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.environments import python_of
from counterpoint.cli.output import answer, say, table
from counterpoint.cli.run import setting_options

if TYPE_CHECKING:
    import argparse

HELP = "the same run on every orchestrator, side by side, as a report"
ALL = "local,airflow,dagster,prefect"
FIRST_DAY = "2026-01-01"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline, the sides, the days and the folder of the report."""
    parser.add_argument("pipeline", metavar="PIPELINE")
    parser.add_argument("--on", default=ALL, metavar="a,b,c", help=f"default {ALL}")
    parser.add_argument("--days", type=int, default=7, metavar="N", help=f"days of input from {FIRST_DAY}; default 7")
    parser.add_argument("--date", metavar="D", help="the partition itself; default the last of those days")
    setting_options(parser)
    parser.add_argument("--out", type=Path, default=Path("report"), metavar="DIR", help="default ./report")


def run(args: argparse.Namespace) -> int:
    """Runs all sides and writes the report; 4 when digests differ, else the worst exit code of a side."""
    from counterpoint.comparison import compare, results_of, write_report
    from counterpoint.comparison.code import code_sizes

    comparison = _comparison(args)
    contestants = compare(comparison, python_of)
    results = results_of(comparison, contestants, code_sizes(python_of, comparison.orchestrators))
    page = write_report(results, args.out)
    _tell(results, as_json=args.json)
    say(f"report: {page}")
    if results["failed"]:
        return max(contestant.measured.code for contestant in contestants)
    return 0 if results["equal"] else 4


def _comparison(args: argparse.Namespace) -> Any:
    from datetime import date, timedelta

    from counterpoint.comparison import Comparison
    from counterpoint.errors import UsageError
    from counterpoint.services.sites import absolute

    if args.days < 1:
        raise UsageError(f"--days {args.days}: compare at least one day")
    last = date.fromisoformat(FIRST_DAY) + timedelta(days=args.days - 1)
    names = tuple(dict.fromkeys(name.strip() for name in args.on.split(",") if name.strip()))
    unknown = [name for name in names if name not in ALL.split(",")]
    if unknown or not names:
        raise UsageError(f"--on {args.on}: choose from {ALL}")
    return Comparison(
        args.pipeline, args.date or last.isoformat(), names, absolute(args.root), args.source, tuple(args.set)
    )


def _tell(results: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        answer(results)
    names = [side["name"] for side in results["orchestrators"]]
    rows = [
        (
            row["date"],
            row["step"],
            row["rows"],
            *((row["digests"].get(n) or "-")[7:19] for n in names),
            _mark(row),
        )
        for row in results["outputs"]
    ]
    table("Digests", ("date", "step", "rows", *names, ""), rows)
    say("equal everywhere" if results["equal"] else f"NOT equal; failed: {', '.join(results['failed']) or 'none'}")


def _mark(row: dict[str, Any]) -> str:
    return "equal" if row["equal"] else "DIFFERS"
