"""`counterpoint migrate validate`: proves that two orchestrators make the same data, or names the first difference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.configured import environment_of
from counterpoint.cli.environments import SIDES, python_of
from counterpoint.cli.output import answer, echo, say, table
from counterpoint.cli.run import PIPELINE, setting_options
from counterpoint.commands import command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from counterpoint_migrate.validate.validate import Question

ABOUT = "compare the outputs of both sides for the same dates, and name the first difference"
EXAMPLE = """\
counterpoint migrate validate streamrec --from airflow --to dagster --dates 2026-01-01..2026-01-07
counterpoint migrate validate --again verdict/verdict.json"""
_SAMPLES = 5


def arguments(sub: argparse.ArgumentParser) -> None:
    """Both sides, the dates, and how they are compared; or a verdict to recheck."""
    sub.add_argument("pipeline", metavar="PIPELINE", nargs="?", help=PIPELINE)
    comparing(sub)
    sub.add_argument("--again", metavar="VERDICT", type=Path, help="recheck a verdict.json; takes no PIPELINE")


def comparing(sub: argparse.ArgumentParser) -> None:
    """The options of whatever compares two sides."""
    sub.add_argument(
        "--from",
        dest="from_side",
        default="airflow",
        choices=SIDES,
        metavar="SIDE",
        help="reference side; default airflow",
    )
    sub.add_argument(
        "--to",
        dest="to_side",
        default="dagster",
        choices=SIDES,
        metavar="SIDE",
        help="side to validate; default dagster",
    )
    sub.add_argument("--dates", metavar="A..B", help="first and last date, or one date")
    sub.add_argument(
        "--legacy", metavar="FILE.toml", type=Path, help="file with the place of existing outputs of the --from side"
    )
    sub.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("verdict"), help="folder of the verdict; default ./verdict"
    )
    sub.add_argument(
        "--tolerance", metavar="X", help="absolute tolerance, of all numbers (X) or of columns (COLUMN=X,...)"
    )
    sub.add_argument(
        "--strict-order", action="store_true", help="count a different order or case of columns as a difference"
    )
    sub.add_argument("--service", action="store_true", help="run on the orchestrators' services; start them if needed")
    setting_options(sub)


def run(args: argparse.Namespace) -> int:
    """Compares; 4 when the sides differ, or a verdict does not hold any more."""
    return _again(args) if args.again else _validate(args)


def question_of(args: argparse.Namespace, folder: str | None = None) -> Question:
    """What a command line asks to be proved.

    Raises:
        UsageError: words or options are missing or wrong.
    """
    from counterpoint.cli.diff import tolerance_of
    from counterpoint.cli.run import settings
    from counterpoint.configuration import configuration_of
    from counterpoint.diff import Options
    from counterpoint.errors import UsageError
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.settings import refuse_unsaid
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.validate.validate import Question

    if not args.pipeline or not args.dates:
        raise UsageError("name what to compare: PIPELINE --dates A..B, or --again VERDICT")
    first, dots, last = args.dates.partition("..")
    config = dict(configuration_of(environment_of(args), args.pipeline, settings(args)).settings)
    sides = ("--from", args.from_side, "--to", args.to_side, "--dates", args.dates)
    words = ("migrate", args.action, args.pipeline, *sides, *(["--service"] if args.service else []))
    question = Question(
        pipeline=args.pipeline,
        first=first,
        last=last if dots else first,
        source=args.from_side,
        target=args.to_side,
        root=folder or absolute(args.root),
        config=config,
        words=_words(args, config),
        legacy=args.legacy,
        service=args.service,
        options=Options((), tolerance_of(args.tolerance or "0"), _SAMPLES),
        strict_order=args.strict_order,
    )
    refuse_unsaid(Objects(absolute(args.root)), find_pipeline(args.pipeline), config, *words)
    return question


def _words(args: argparse.Namespace, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings and the quiet, as each side's own command takes them."""
    words = [word for setting in args.set for word in ("--set", setting)]
    words += ["--source", config["source"]] if args.source else []
    environment = environment_of(args)
    words += ["--env", environment.name] if environment else []
    return (*words, *(["--quiet"] if args.quiet else []))


def _validate(args: argparse.Namespace) -> int:
    from counterpoint.errors import DifferenceError
    from counterpoint_migrate.validate.verdict import validate
    from counterpoint_migrate.validate.verdictpage import write_verdict

    found = validate(question_of(args), python_of, args.argv)
    page = write_verdict(found, args.out)
    if args.json:
        answer(found)
    _tell(found, beside=args.json)
    say(f"verdict: {page}")
    again = command("migrate", "validate", "--again", str(args.out.absolute() / "verdict.json"), root=None)
    say(f"recheck the verdict: {again}")
    return 0 if found["equal"] else DifferenceError.exit_code


def _tell(found: Mapping[str, Any], *, beside: bool) -> None:
    from counterpoint_migrate.validate.verdictpage import sentence_of

    for cause in found["causes"]:
        title = f"First difference: {cause['step']} of {', '.join(cause['dates'])}"
        table(title, ("difference",), [(evidence,) for evidence in cause["evidence"]], beside=beside)
        echo(
            f"likely cause: {cause['hint']['text']}" if cause["hint"] else "cause unknown: see the samples on the page",
            beside=beside,
        )
    if found["consequences"]:
        rows = [(one["step"], ", ".join(one["dates"]), ", ".join(one["because"])) for one in found["consequences"]]
        table("Differences that follow from it", ("step", "dates", "caused by"), rows, beside=beside)
    for one in found["notes"]:
        echo(f"{one['step']}: {one['note']} ({len(one['dates'])} dates); counted as equal", beside=beside)
    if found["not_compared"]:
        echo(f"not compared: {', '.join(one['step'] for one in found['not_compared'])}", beside=beside)
    echo(sentence_of(found), beside=beside)


def _again(args: argparse.Namespace) -> int:
    from counterpoint.errors import DifferenceError
    from counterpoint_migrate.validate.recheck import check_again, read_verdict

    found = check_again(read_verdict(args.again))
    if args.json:
        answer(found)
    _tell_again(found, beside=args.json)
    return 0 if found["holds"] else DifferenceError.exit_code


def _tell_again(found: Mapping[str, Any], *, beside: bool) -> None:
    if found["changed"]:
        rows = [(one["step"], one["date"], one["what"], one["was"], one["now"]) for one in found["changed"]]
        table("Changed since the verdict", ("step", "date", "value", "in the verdict", "now"), rows, beside=beside)
    told = "equal" if found["equal"] else "different"
    holds = f"still holds: {told}" if found["holds"] else "no longer holds"
    echo(f"{found['checked']} outputs rechecked: the verdict {holds}", beside=beside)
