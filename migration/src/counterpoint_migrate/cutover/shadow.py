"""Compares both sides date by date: a verdict for each date, and an entry in the ledger."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.cutover.ledger import (
    digests_of,
    entries,
    entry_of,
    last_of,
    note,
    pair_of,
    streak_of,
)
from counterpoint_migrate.validate.verdict import validate
from counterpoint_migrate.validate.verdictpage import sentence_of, write_verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.validate.validate import Question

log = logging.getLogger(__name__)


def shadow(
    question: Question,
    python_of: Callable[[str], Path],
    objects: Objects,
    out: Path,
    *,
    force: bool = False,
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """Compares date by date, and adds the results to the ledger.

    Args:
        question: the pipeline, the sides and the dates.
        python_of: the interpreter of an orchestrator's environment.
        objects: the root of the ledger.
        out: the folder of the verdicts; each date gets a folder in it.
        force: whether to compare a date again whose last entry is equal with the same code, settings and legacy file.
        command: the command line, for the verdicts.

    Returns:
        The result of each date and the streak of equal dates, as JSON values.

    Raises:
        UsageError: the question cannot be answered as asked.
        StepError: a side's run failed; earlier dates are in the ledger.
        ServiceError: an orchestrator is missing or did not start.
    """
    pipeline = question.described
    pair, digests = pair_of(question.source, question.target, legacy=question.legacy is not None), digests_of(question)
    dates = []
    for date in question.dates:
        last_entry = None if force else last_of(objects, pipeline.name, pair, date)
        reused = last_entry is not None and last_entry["equal"] and last_entry["digests"] == digests
        if reused:
            log.info("%s: equal (already in the ledger)", date)
        else:
            verdict = validate(replace(question, first=date, last=date), python_of, command)
            write_verdict(verdict, out / date)
            note(objects, pipeline.name, pair, entry_of(question, verdict, digests, (out / date).absolute()))
            log.info("%s", sentence_of(verdict))
        dates.append({**_brief(last_of(objects, pipeline.name, pair, date) or {}), "reused": reused})
    streak = streak_of(entries(objects, pipeline.name, pair), pipeline.partitions)
    return {
        "pipeline": question.pipeline,
        "pair": pair,
        "equal": all(date_entry["equal"] for date_entry in dates),
        "dates": dates,
        "streak": streak.to_dict(),
        "summary": str(streak),
    }


def _brief(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("date", "equal", "first", "at", "verdict")}
