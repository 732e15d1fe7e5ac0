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
    found = advise(_profile(args.profile), results)
    text = "\n".join(_told(found))
    if args.out is not None:
        _write(args.out, f"{text}\n")
    if args.json:
        answer(found.to_dict())
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


def _told(found: Advice) -> Iterator[str]:
    asked = len(found.answers) + len(found.unanswered)
    known = f"evidence for {found.known:.0%} of the total weight"
    yield f"For {found.profile}: {len(found.answers)} of {asked} answers; {known}."
    yield ""
    for one in found.ranking:
        score = "" if one.score is None else f"   {one.score:.2f}"
        yield f"{one.place}. {one.title}{score}"
    yield from _standing(found)
    yield from _none_yet(found)
    best = dict.fromkeys(one.orchestrator for one in (*found.reasons, *found.against))
    for side in best:
        shown = _SHOWN if len(best) == 1 else _SHOWN // 2
        for head, reasons in (("For", found.reasons), ("Against", found.against)):
            own = [one for one in reasons if one.orchestrator == side]
            yield from _reasons(f"{head} {side}, by weight", own, shown)
    yield from _unknown(found)
    yield from _flips(found)


def _standing(found: Advice) -> Iterator[str]:
    """Ties, and how far the second is behind."""
    yield ""
    if len(found.first) > 1:
        yield f"Tie between {_names(found.first)}: the evidence for each has the same weight."
    elif found.margin:
        yield f"{found.margin.second} is second, {found.margin.by:.2f} points (of 1) behind."
    else:
        yield "None of the answers needs a server."


def _none_yet(found: Advice) -> Iterator[str]:
    if found.none_yet:
        for head, key in (("For none yet", "reasons"), ("Against none yet", "against")):
            yield from ("", f"{head}:")
            yield from (f"  {note.says} [{note.page}]" for note in found.none_yet[key])


def _reasons(head: str, reasons: Sequence[Reason], shown: int) -> Iterator[str]:
    yield from ("", f"{head}:" if reasons else f"{head}: no reasons.")
    for one in reasons[:shown]:
        yield f"  {one.weight:g} {one.criterion}, {one.topic}: {_measured(one) or one.evidence.says}"
        yield f"      {_source(one.evidence)}"
    if len(reasons) > shown:
        yield f"  and {len(reasons) - shown} more: see --json"


def _measured(one: Reason) -> str:
    if one.evidence.kind != "measured":
        return ""
    return f"{_value(one.evidence)}, {one.other} {_value(one.other_evidence)}"


def _value(one: Evidence) -> str:
    from counterpoint_compare.charts import shown

    interval = (
        f" ({shown(one.low, one.unit or '')} to {shown(one.high, one.unit or '')})" if one.low != one.high else ""
    )
    return f"{shown(one.median, one.unit or '')}{interval}"


def _source(one: Evidence) -> str:
    if one.kind == "measured":
        disturbed = ", with other load on the machine" if one.disturbed else ""
        values = "1 value" if one.runs == 1 else f"{one.runs} values"
        return f"measured: {one.figure}, {values}, by `{one.command}`{disturbed}"
    place = one.url or f"limits.py of the adapter: {one.limit}"
    return f"{place} (checked in {one.release})"


def _unknown(found: Advice) -> Iterator[str]:
    """What is not known, one line a reason."""
    topics: dict[str, list[str]] = {}
    for one in found.unknown:
        topics.setdefault(one.why, []).append(f"{one.criterion}: {one.topic}")
    yield from ("", "Not known:" if topics or found.unanswered else "Not known: nothing with a weight.")
    yield from (f"  {'; '.join(names)}: {why}" for why, names in topics.items())
    if found.unanswered:
        yield f"  not answered: {', '.join(found.unanswered)}"
    yield from _other_releases(found)


def _other_releases(found: Advice) -> Iterator[str]:
    """Where what is cited was checked in another release than the one that was measured."""
    topics = [topic for criterion in found.criteria for topic in criterion.topics]
    for side, measured in (found.report or {}).get("releases", {}).items():
        releases = {topic.evidence[side].release for topic in topics if side in topic.evidence}
        checked = sorted(release for release in releases if release is not None)
        if checked and measured not in checked:
            yield f"  measured: {side} {measured}; cited pages were checked for {', '.join(checked)}"


def _flips(found: Advice) -> Iterator[str]:
    """The answers that would turn it, by who would then be first."""
    turned: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for flip in found.flips:
        turned.setdefault(flip.first, {}).setdefault(flip.question, []).append(" + ".join(flip.answer))
    yield from (
        "",
        "Changing one answer would put first:" if turned else "Changing a single answer would not change the order.",
    )
    for first, by_question in sorted(turned.items(), key=lambda pair: len(pair[0])):
        answers = [f"{question} = {' or '.join(chosen)}" for question, chosen in by_question.items()]
        yield f"  {_names(first)}{', in a tie' if len(first) > 1 else ''}: {'; '.join(answers)}"


def _names(first: tuple[str, ...]) -> str:
    return " and ".join("none yet" if one == "none" else one for one in first)
