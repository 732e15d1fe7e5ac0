"""`counterpoint smoke`: runs all steps and contracts of a pipeline on a small sample, for CI."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from counterpoint.cli.output import answer, echo, table
from counterpoint.cli.run import PIPELINE, configuration_from, setting_options, settings
from counterpoint.commands import setting_words

if TYPE_CHECKING:
    import argparse

    from counterpoint.model import Sample
    from counterpoint.services.smoke import SmokeReport, StepTotal

HELP = "run all steps and contracts on a small sample of one partition, for CI"
EXAMPLE = """\
counterpoint smoke streamrec --sample 1%
counterpoint smoke streamrec --sample 1% --date 2026-01-07 --limit 120s"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline, the sample and the limit."""
    parser.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    parser.add_argument("--sample", default="1%", metavar="SHARE", help="rows to keep; default 1%%")
    parser.add_argument("--date", metavar="D", help="partition; default the newest with data")
    parser.add_argument("--limit", default="120s", metavar="TIME", help="time limit, as 90s or 5m; default 120s")
    about = "column whose values are drawn, with all their rows; default the pipeline's, else single rows"
    parser.add_argument("--key", metavar="COLUMN", help=about)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws another sample; default 0")
    setting_options(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the test and prints a table of its steps; 1 if a step failed or the limit was reached."""
    from counterpoint.errors import UsageError
    from counterpoint.model.lengths import length_of
    from counterpoint.services.smoke import smoke

    limit = length_of(args.limit, "--limit").total_seconds()
    if limit <= 0:
        raise UsageError("--limit must be above zero, for example 120s")
    configuration, sample = configuration_from(args, args.pipeline), _sample(args)
    report = smoke(args.pipeline, configuration, sample, date=args.date, limit=limit, overrides=settings(args))
    if args.json:
        answer(report.to_dict())
    else:
        _tell(report)
    return 0 if report.status == "success" else 1


def _sample(args: argparse.Namespace) -> Sample:
    from counterpoint.errors import UsageError
    from counterpoint.model import Sample
    from counterpoint.runtime import find_pipeline

    text = args.sample.strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise UsageError(f"--sample {args.sample!r} is no share of the rows: write 1%, or a number above 0 up to 1")
    return Sample(share, args.key or find_pipeline(args.pipeline).smoke.key, args.seed)


def _tell(report: SmokeReport) -> None:
    of = f"{report.sample.key} and all its rows" if report.sample.key else "the rows"
    title = f"{report.pipeline} {report.date}, {report.sample.share:.3%} of {of}: {report.status}"
    table(title, ("step", "status", "partitions", "rows", "seconds"), map(_row, report.steps))
    for step in report.steps:
        if step.error:
            echo(f"{step.name}: {step.error}")
    if report.error:
        echo(f"{report.status}: {report.error}")
    if report.settings:
        echo(f"settings: {shlex.join(setting_words(report.settings))}")
    for wait in report.not_awaited:
        echo(f"not waited for: {wait}")
    scaled = "" if report.sample.share == 1 else "; of `split`, minimum_rows was 1 and max_bad_rate had more room"
    echo(f"{report.seconds:.1f} s of {report.limit:g} s{scaled}")


def _row(step: StepTotal) -> tuple[Any, ...]:
    return (step.name, step.status, step.partitions, step.rows, f"{step.seconds:.2f}")
