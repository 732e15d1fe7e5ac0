"""The ledger of a migration: an entry for each comparison of a date, and the streak of consecutive equal dates."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from counterpoint.model import PartitionKind
from counterpoint.model import code_of as code_of_step
from counterpoint.model.serial import to_values
from counterpoint.redaction import sealed
from counterpoint.storage import json_digest, layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from counterpoint.model import Partitions, Pipeline
    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.validate.validate import Question

FORM = 1
_LEGACY = "legacy-"
_UNITS = {
    PartitionKind.DAILY: "days",
    PartitionKind.HOURLY: "hours",
    PartitionKind.WEEKLY: "weeks",
    PartitionKind.MONTHLY: "months",
}


def pair_of(source: str, target: str, *, legacy: bool) -> str:
    """The key of the comparisons of two sides; existing outputs of a legacy DAG are a side of their own."""
    return f"{_LEGACY if legacy else ''}{source}-{target}"


def code_of(pipeline: Pipeline) -> str:
    """The digest of the present code of all steps, with their partial functions and contracts."""
    return json_digest({step.name: code_of_step(step) for step in pipeline.steps})


def digests_of(question: Question) -> dict[str, str | None]:
    """The present digests of a comparison's conditions: code, settings, the legacy file, the options."""
    pipeline = question.described
    legacy_bytes = question.legacy.read_bytes() if question.legacy else None
    comparison = [asdict(question.options), question.strict_order]
    return {
        "code": code_of(pipeline),
        "settings": json_digest(to_values(pipeline)),
        "legacy": f"sha256:{hashlib.sha256(legacy_bytes).hexdigest()}" if legacy_bytes is not None else None,
        "how": json_digest(comparison),
    }


@dataclass(frozen=True, slots=True)
class Streak:
    """The number of consecutive equal dates up to the newest compared one, and what precedes them.

    `broken_by` is the date before the streak, the step that differs first there, and a reason: `differs` or `not
    compared`.
    """

    count: int
    first: str | None = None
    last: str | None = None
    broken_by: Mapping[str, str | None] | None = None
    word: str = field(default="days", compare=False)

    def __str__(self) -> str:
        if not self.count:
            broken_by = self.broken_by
            return (
                f"not identical: {broken_by['step']} of {broken_by['date']} differs"
                if broken_by
                else "nothing is compared yet"
            )
        word = self.word if self.count > 1 else self.word.removesuffix("s")
        return f"identical for {self.count} {word} ({self.first}..{self.last})"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"count": self.count, "first": self.first, "last": self.last, "broken_by": self.broken_by}


def note(objects: Objects, pipeline: str, pair: str, entry: Mapping[str, Any]) -> None:
    """Adds an entry as an object of its own; existing entries are not changed."""
    moment = datetime.now(UTC)
    document = {"entry_form": FORM, "at": moment.isoformat(timespec="seconds"), **entry}
    name = f"{moment:%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}"
    objects.put_json(layout.ledger_entry(pipeline, pair, entry["date"], name), document)


def last_of(objects: Objects, pipeline: str, pair: str, date: str) -> dict[str, Any] | None:
    """The last entry of a date, or None."""
    paths = objects.list(layout.ledger_date(pipeline, pair, date))
    return objects.get_json(paths[-1]) if paths else None


def entries(objects: Objects, pipeline: str, pair: str) -> list[dict[str, Any]]:
    """The last entry of each date, in order of the dates."""
    paths = objects.list(layout.ledger_pair(pipeline, pair))
    newest = {layout.ledger_date_of(path): path for path in paths}
    return [objects.get_json(path) for _, path in sorted(newest.items())]


def pairs(objects: Objects, pipeline: str) -> list[str]:
    """The pairs of sides that were compared."""
    return objects.folders(layout.ledger_folder(pipeline))


def streak_of(dated_entries: Sequence[Mapping[str, Any]], partitions: Partitions) -> Streak:
    """The streak of the last entries of all dates."""
    by_date = {entry["date"]: entry for entry in dated_entries}
    unit, count, first = _UNITS[partitions.kind], 0, None
    last = date = max(by_date, default="")
    while date in by_date and by_date[date]["equal"]:
        count, first, date = count + 1, date, partitions.shift(date, -1)
    return Streak(count, first, last if count else None, _break_of(by_date, date), unit)


def _break_of(by_date: Mapping[str, Mapping[str, Any]], date: str) -> dict[str, str | None] | None:
    """The reason why a streak ends at a date; None if nothing was compared before it."""
    if date in by_date:
        return {"date": date, "step": by_date[date]["first"]["step"], "reason": "differs"}
    earlier = any(date_compared < date for date_compared in by_date)
    return {"date": date, "step": None, "reason": "not compared"} if earlier else None


def setting_digests(pipeline: Pipeline) -> dict[str, str]:
    """The digest of each setting, by name."""
    return {name: json_digest(value) for name, value in pipeline.config.items()}


def entry_of(
    question: Question, verdict: Mapping[str, Any], digests: Mapping[str, str | None], folder: Path
) -> dict[str, Any]:
    """The ledger entry of a verdict on one date."""
    causes, (date,) = verdict["causes"], verdict["dates"]
    return {
        "date": date,
        "equal": verdict["equal"],
        "first": {"step": causes[0]["step"], "date": causes[0]["dates"][0]} if causes else None,
        "outputs": len(verdict["outputs"]),
        "digests": dict(digests),
        "settings": setting_digests(question.described),
        "config": sealed(question.config),
        "commit": verdict["git"]["commit"],
        "counterpoint": verdict["counterpoint"],
        "verdict": str(folder / "verdict.json"),
    }
