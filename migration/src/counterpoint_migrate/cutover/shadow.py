"""Both sides side by side, date by date: a verdict for each, and a line in the ledger."""

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
    """Compares date after date, and tells for how many in a row all is equal; what stands in the ledger is as it was.

    A date whose last entry is equal, with the same code, settings and legacy file, is not compared again unless
    `force`. `objects` is where the ledger lies, `out` gets a folder for each date.

    Raises:
        UsageError: what was asked for cannot be done as it was asked.
        StepError: a side's run failed; what was compared before stands in the ledger.
        ServiceError: an orchestrator is missing or did not start.
    """
    pipeline = question.described
    pair, digests = pair_of(question.source, question.target, legacy=question.legacy is not None), digests_of(question)
    told = []
    for date in question.dates:
        before = None if force else last_of(objects, pipeline.name, pair, date)
        reused = before is not None and before["equal"] and before["digests"] == digests
        if reused:
            log.info("%s: equal (already in the ledger)", date)
        else:
            found = validate(replace(question, first=date, last=date), python_of, command)
            write_verdict(found, out / date)
            note(objects, pipeline.name, pair, entry_of(question, found, digests, (out / date).absolute()))
            log.info("%s", sentence_of(found))
        told.append({**_brief(last_of(objects, pipeline.name, pair, date) or {}), "reused": reused})
    streak = streak_of(entries(objects, pipeline.name, pair), pipeline.partitions)
    return {
        "pipeline": question.pipeline,
        "pair": pair,
        "equal": all(one["equal"] for one in told),
        "dates": told,
        "streak": streak.to_dict(),
        "summary": str(streak),
    }


def _brief(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("date", "equal", "first", "at", "verdict")}
