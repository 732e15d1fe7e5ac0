"""`counterpoint compare`: runs the same pipeline on every orchestrator and writes a report."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from counterpoint.cli.configured import environment_of
from counterpoint.cli.environments import SIDES, python_of
from counterpoint.cli.output import answer, echo, say, table
from counterpoint.cli.run import PIPELINE, setting_options, settings
from counterpoint.commands import SOURCE
from counterpoint_compare.cli import between

HELP = "run a pipeline on every orchestrator and report data and measurements side by side"
EXAMPLE = """\
counterpoint compare streamrec --days 7 --on local,dagster --rounds 0
counterpoint compare --against old/results.json report/results.json"""
FIRST_DAY = "2026-01-01"
REPORT = Path("report")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline, the sides, the days and the folder of the report; or existing reports."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("pipeline", nargs="?", metavar="PIPELINE", help=PIPELINE)
    between.arguments(group)
    parser.add_argument(
        "--on", metavar="a,b,c", help="sides to compare; default local and every orchestrator, see 'doctor'"
    )
    parser.add_argument(
        "--days",
        type=int,
        default=7,
        metavar="N",
        help="input partitions, counted from the pipeline's first; default 7",
    )
    parser.add_argument("--date", metavar="D", help="partition to run; default the last of those days")
    setting_options(parser)
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        metavar="N",
        help="measurement rounds, in which the sides take turns; default 3, 0 for none",
    )
    parser.add_argument(
        "--workloads", default=None, metavar="a,b", help="workloads to measure: empty,small,long,streamrec; default all"
    )
    parser.add_argument(
        "--tour",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="also measure finding a bug, and a 7-day backfill with one corrupt day",
    )
    parser.add_argument(
        "--tests", metavar="CHECKOUT", help="with --tour: also count the tests of StreamRec in this checkout"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"folder of the report; default ./{REPORT}")


def run(args: argparse.Namespace) -> int:
    """Runs all sides and writes the report; 4 when digests differ, else the worst exit code of a side."""
    if args.pipeline is None:
        return between.run(args, REPORT)
    args.out = args.out or REPORT
    from counterpoint_compare.code import code_sizes
    from counterpoint_compare.external_results import external_results_of
    from counterpoint_compare.report import write_report
    from counterpoint_compare.results import results_of
    from counterpoint_compare.rounds import Progress, packages_of, rounds_of, tours_of
    from counterpoint_compare.runs import compare

    comparison, workloads = _comparison(args), _workloads(args)
    contestants = compare(comparison, python_of)
    sides, stored = comparison.orchestrators, args.out / "measured"
    progress = Progress(sides * (args.rounds + args.tour))
    benchmarks = rounds_of(sides, args.rounds, stored, python_of, workloads, progress)
    tours = tours_of(sides, stored, python_of, progress, _tests(args)) if args.tour else []
    code = code_sizes(python_of, sides, flagship=args.pipeline == "streamrec")
    packages = {side: packages_of(python_of(side)) for side in sides}
    results = results_of(comparison, contestants, code, benchmarks, tours, packages)
    if args.pipeline == "streamrec":
        results["beside"] = external_results_of(args.out)
    page = write_report(results, args.out)
    _print_results(results, beside=args.json)
    say(f"report: {page}")
    if results["failed"]:
        return max(contestant.measured.code for contestant in contestants)
    return 0 if results["equal"] else 4


def _tests(args: argparse.Namespace) -> tuple[str, ...]:
    return ("--tests", str(Path(args.tests).absolute())) if args.tests else ()


def _comparison(args: argparse.Namespace) -> Any:
    from counterpoint.configuration import configuration_of
    from counterpoint.errors import UsageError
    from counterpoint.services.service_environments import absolute
    from counterpoint_compare.runs import Comparison

    if args.days < 1:
        raise UsageError(f"--days {args.days}: give 1 or more")
    requested = tuple(SIDES) if args.on is None else args.on.split(",")
    names = tuple(dict.fromkeys(name.strip() for name in requested if name.strip()))
    unknown = [name for name in names if name not in SIDES]
    if unknown or not names:
        raise UsageError(f"--on {args.on}: choose from {','.join(SIDES)}")
    environment, source, overrides = environment_of(args), args.source, tuple(args.set)
    if environment:
        # each side runs as a command of its own, which gets all settings as options
        config = dict(configuration_of(environment, args.pipeline, settings(args)).settings)
        source = config.pop(SOURCE, None)
        overrides = tuple(f"{name}={json.dumps(value)}" for name, value in sorted(config.items()))
    return Comparison(
        args.pipeline,
        args.date or _newest(args.pipeline, args.days),
        names,
        absolute(args.root),
        source,
        overrides,
    )


def _newest(name: str, days: int) -> str:
    """The last of the first `days` partitions of a pipeline that have ended."""
    from datetime import UTC, datetime

    from counterpoint.runtime import find_pipeline

    partitions = find_pipeline(name).partitions
    if name == "streamrec":  # its events are generated from this day on
        return partitions.shift(FIRST_DAY, days - 1)
    ended = partitions.shift(partitions.key_of(datetime.now(UTC)), -1)
    return max(min(partitions.shift(partitions.start, days - 1), ended), partitions.start)


def _workloads(args: argparse.Namespace) -> tuple[str, ...]:
    """The options that tell a benchmark run which workloads it measures."""
    from counterpoint.errors import UsageError
    from counterpoint_compare.workloads import WORKLOADS

    names = [workload.name for workload in WORKLOADS]
    default_names = [
        workload.name for workload in WORKLOADS if not workload.before or workload.reference == args.pipeline
    ]
    requested = default_names if args.workloads is None else [name.strip() for name in args.workloads.split(",")]
    unknown = [name for name in requested if name not in names]
    if unknown or args.rounds < 0:
        problem = f"--workloads {args.workloads}: choose from {','.join(names)}"
        raise UsageError(problem if unknown else f"--rounds {args.rounds}: write 0 or more")
    return "--workloads", ",".join(requested)


def _print_results(results: dict[str, Any], *, beside: bool) -> None:
    if beside:
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
    if results["figures"]:
        table(
            "Measurements (median)",
            ("figure", *names),
            [_figure(figure, names) for figure in results["figures"]],
            beside=beside,
        )
    table("Digests of the outputs", ("date", "step", "rows", *names, "result"), rows, beside=beside)
    echo(
        "data: equal on all sides"
        if results["equal"]
        else f"data: NOT equal; failed sides: {', '.join(results['failed']) or 'none'}",
        beside=beside,
    )


def _figure(figure: dict[str, Any], names: list[str]) -> tuple[str, ...]:
    from counterpoint_compare.charts import shown

    medians = (figure["on"].get(name, {}).get("median") for name in names)
    return figure["title"], *(shown(median, figure["unit"]) for median in medians)


def _mark(row: dict[str, Any]) -> str:
    if not row["equal"]:
        return "DIFFERS"
    return "equal" if any(row["digests"].values()) else "skipped"
