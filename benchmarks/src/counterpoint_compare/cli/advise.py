"""`counterpoint advise`: recommends an orchestrator for a team's answers, with the evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.cli.output import answer, echo, say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from counterpoint_compare.advice import Advice, Profile
    from counterpoint_compare.advice.answer import Evidence, Reason

HELP = "recommend an orchestrator for your answers, with the evidence"
EXAMPLE = """\
counterpoint advise --print-profile > profile.toml
counterpoint advise --profile profile.toml --out advice.txt"""
REPORT = Path("report/results.json")
_SHOWN = 6


def arguments(parser: argparse.ArgumentParser) -> None:
    """The answers, the measured report, and where the advice goes."""
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="answers in TOML; without it, advise asks on the terminal"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help=f"results.json of compare; default {REPORT}, if it exists"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the text to a file")
    parser.add_argument("--print-profile", action="store_true", help="print an example profile and exit")


def run(args: argparse.Namespace) -> int:
    """Reads or asks for the answers, and prints the advice."""
    from counterpoint_compare.advice import advise, example, read_results

    if args.print_profile:
        sys.stdout.write(example())
        return 0
    report = args.report or (REPORT if REPORT.exists() else None)
    results = read_results(report) if report else None
    advice = advise(_profile(args.profile), results)
    text = "\n".join(_lines(advice))
    if args.out is not None:
        _write(args.out, f"{text}\n")
    if args.json:
        answer(advice.to_dict())
    else:
        echo(text)
    return 0


def _write(path: Path, text: str) -> None:
    from counterpoint.errors import UsageError
    from counterpoint.files import put

    try:
        put(path, text)
    except OSError as error:
        raise UsageError(f"--out {path}: cannot be written ({error}): name a file in an existing folder") from None


def _profile(path: Path | None) -> Profile:
    from counterpoint.errors import UsageError
    from counterpoint_compare.advice import ask, example, read_profile

    if path is not None:
        return read_profile(path)
    if not sys.stdin.isatty():
        raise UsageError(
            "advise needs a terminal to ask its questions: give the answers with --profile FILE,"
            f" for example this one (`counterpoint advise --print-profile > FILE`):\n\n{example()}"
        )
    return ask(sys.stdin.readline, say)


def _lines(advice: Advice) -> Iterator[str]:
    total = len(advice.answers) + len(advice.unanswered)
    share = f"evidence for {advice.known:.0%} of the total weight"
    yield f"For {advice.profile}: {len(advice.answers)} of {total} answers; {share}."
    yield ""
    for ranked in advice.ranking:
        score = "" if ranked.score is None else f"   {ranked.score:.2f}"
        yield f"{ranked.place}. {ranked.title}{score}"
    yield from _margin(advice)
    yield from _no_orchestrator(advice)
    best = dict.fromkeys(reason.orchestrator for reason in (*advice.reasons, *advice.against))
    for side in best:
        shown = _SHOWN if len(best) == 1 else _SHOWN // 2
        for head, reasons in (("For", advice.reasons), ("Against", advice.against)):
            side_reasons = [reason for reason in reasons if reason.orchestrator == side]
            yield from _reasons(f"{head} {side}, by weight", side_reasons, shown)
    yield from _unknown(advice)
    yield from _flips(advice)


def _margin(advice: Advice) -> Iterator[str]:
    """The tie, or the margin of the first over the second."""
    yield ""
    if len(advice.first) > 1:
        yield f"Tie between {_names(advice.first)}: the evidence for each has the same weight."
    elif advice.margin:
        yield f"{advice.margin.second} is second, {advice.margin.by:.2f} points (of 1) behind."
    else:
        yield "None of the answers needs a server."


def _no_orchestrator(advice: Advice) -> Iterator[str]:
    if advice.none_yet:
        for head, key in (("For none yet", "reasons"), ("Against none yet", "against")):
            yield from ("", f"{head}:")
            yield from (f"  {note.says} [{note.page}]" for note in advice.none_yet[key])


def _reasons(head: str, reasons: Sequence[Reason], shown: int) -> Iterator[str]:
    yield from ("", f"{head}:" if reasons else f"{head}: no reasons.")
    for reason in reasons[:shown]:
        text = _comparison_of(reason) or reason.evidence.says
        yield f"  {reason.weight:g} {reason.criterion}, {reason.topic}: {text}"
        yield f"      {_source(reason.evidence)}"
    if len(reasons) > shown:
        yield f"  and {len(reasons) - shown} more: see --json"


def _comparison_of(reason: Reason) -> str:
    if reason.evidence.kind != "measured":
        return ""
    return f"{_value(reason.evidence)}, {reason.other} {_value(reason.other_evidence)}"


def _value(evidence: Evidence) -> str:
    from counterpoint_compare.charts import shown

    interval = (
        f" ({shown(evidence.low, evidence.unit or '')} to {shown(evidence.high, evidence.unit or '')})"
        if evidence.low != evidence.high
        else ""
    )
    return f"{shown(evidence.median, evidence.unit or '')}{interval}"


def _source(evidence: Evidence) -> str:
    if evidence.kind == "measured":
        disturbed = ", with other load on the machine" if evidence.disturbed else ""
        values = "1 value" if evidence.runs == 1 else f"{evidence.runs} values"
        return f"measured: {evidence.figure}, {values}, by `{evidence.command}`{disturbed}"
    place = evidence.url or f"limits.py of the adapter: {evidence.limit}"
    return f"{place} (checked in {evidence.release})"


def _unknown(advice: Advice) -> Iterator[str]:
    """The topics that are not known, one line per reason."""
    topics: dict[str, list[str]] = {}
    for unknown in advice.unknown:
        topics.setdefault(unknown.why, []).append(f"{unknown.criterion}: {unknown.topic}")
    yield from ("", "Not known:" if topics or advice.unanswered else "Not known: nothing with a weight.")
    yield from (f"  {'; '.join(names)}: {why}" for why, names in topics.items())
    if advice.unanswered:
        yield f"  not answered: {', '.join(advice.unanswered)}"
    yield from _other_releases(advice)


def _other_releases(advice: Advice) -> Iterator[str]:
    """The sides whose cited properties were checked for another release than the measured one."""
    topics = [topic for criterion in advice.criteria for topic in criterion.topics]
    for side, measured in (advice.report or {}).get("releases", {}).items():
        releases = {topic.evidence[side].release for topic in topics if side in topic.evidence}
        checked = sorted(release for release in releases if release is not None)
        if checked and measured not in checked:
            yield f"  measured: {side} {measured}; cited pages were checked for {', '.join(checked)}"


def _flips(advice: Advice) -> Iterator[str]:
    """The answers that would change the recommendation, grouped by who would then be first."""
    flips_by_first: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for flip in advice.flips:
        flips_by_first.setdefault(flip.first, {}).setdefault(flip.question, []).append(" + ".join(flip.answer))
    yield from (
        "",
        "Changing one answer would put first:"
        if flips_by_first
        else "Changing a single answer would not change the order.",
    )
    for first, by_question in sorted(flips_by_first.items(), key=lambda pair: len(pair[0])):
        answers = [f"{question} = {' or '.join(chosen)}" for question, chosen in by_question.items()]
        yield f"  {_names(first)}{', in a tie' if len(first) > 1 else ''}: {'; '.join(answers)}"


def _names(first: tuple[str, ...]) -> str:
    return " and ".join("none yet" if name == "none" else name for name in first)
