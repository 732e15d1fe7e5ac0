"""The ledger of a migration: an entry for each comparison of a date, and for how many dates in a row all was equal."""

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
_WORDS = {
    PartitionKind.DAILY: "days",
    PartitionKind.HOURLY: "hours",
    PartitionKind.WEEKLY: "weeks",
    PartitionKind.MONTHLY: "months",
}


def pair_of(source: str, target: str, *, legacy: bool) -> str:
    """What the comparisons of two sides are kept under; outputs of a DAG that is not ours are a side of their own."""
    return f"{_LEGACY if legacy else ''}{source}-{target}"


def code_of(pipeline: Pipeline) -> str:
    """The digest of the code of all steps, with their partial functions and contracts, as it is now."""
    return json_digest({step.name: code_of_step(step) for step in pipeline.steps})


def digests_of(question: Question) -> dict[str, str | None]:
    """What a comparison rests on beside the data, as it is now: code, settings, the legacy file, how it compares."""
    pipeline = question.described
    file = question.legacy.read_bytes() if question.legacy else None
    how = [asdict(question.options), question.strict_order]
    return {
        "code": code_of(pipeline),
        "settings": json_digest(to_values(pipeline)),
        "legacy": f"sha256:{hashlib.sha256(file).hexdigest()}" if file is not None else None,
        "how": json_digest(how),
    }


@dataclass(frozen=True, slots=True)
class Streak:
    """For how many dates without a gap, up to the newest that was compared, all was equal; and what ended it before.

    `broken_by` is a date, the step that differs first there, and a reason: `differs` or `not compared`.
    """

    count: int
    first: str | None = None
    last: str | None = None
    broken_by: Mapping[str, str | None] | None = None
    word: str = field(default="days", compare=False)

    def __str__(self) -> str:
        if not self.count:
            by = self.broken_by
            return f"not identical: {by['step']} of {by['date']} differs" if by else "nothing is compared yet"
        word = self.word if self.count > 1 else self.word.removesuffix("s")
        return f"identical for {self.count} {word} ({self.first}..{self.last})"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"count": self.count, "first": self.first, "last": self.last, "broken_by": self.broken_by}


def note(objects: Objects, pipeline: str, pair: str, entry: Mapping[str, Any]) -> None:
    """Adds an entry, an object of its own: nothing that stands is touched."""
    moment = datetime.now(UTC)
    told = {"entry_form": FORM, "at": moment.isoformat(timespec="seconds"), **entry}
    name = f"{moment:%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}"
    objects.put_json(layout.ledger_entry(pipeline, pair, entry["date"], name), told)


def last_of(objects: Objects, pipeline: str, pair: str, date: str) -> dict[str, Any] | None:
    """The last entry of a date, or None."""
    paths = objects.list(layout.ledger_date(pipeline, pair, date))
    return objects.get_json(paths[-1]) if paths else None


def entries(objects: Objects, pipeline: str, pair: str) -> list[dict[str, Any]]:
    """The last entry of each date, in their order."""
    paths = objects.list(layout.ledger_pair(pipeline, pair))
    newest = {layout.ledger_date_of(path): path for path in paths}
    return [objects.get_json(path) for _, path in sorted(newest.items())]


def pairs(objects: Objects, pipeline: str) -> list[str]:
    """The pairs of sides that were compared."""
    return objects.folders(layout.ledger_folder(pipeline))


def streak_of(found: Sequence[Mapping[str, Any]], partitions: Partitions) -> Streak:
    """The streak of the last entries of all dates."""
    by_date = {entry["date"]: entry for entry in found}
    word, count, first = _WORDS[partitions.kind], 0, None
    last = date = max(by_date, default="")
    while date in by_date and by_date[date]["equal"]:
        count, first, date = count + 1, date, partitions.shift(date, -1)
    return Streak(count, first, last if count else None, _broken(by_date, date), word)


def _broken(by_date: Mapping[str, Mapping[str, Any]], date: str) -> dict[str, str | None] | None:
    """What ended a streak at a date, if there is anything compared before."""
    if date in by_date:
        return {"date": date, "step": by_date[date]["first"]["step"], "reason": "differs"}
    earlier = any(other < date for other in by_date)
    return {"date": date, "step": None, "reason": "not compared"} if earlier else None


def setting_digests(pipeline: Pipeline) -> dict[str, str]:
    """The digest of each setting, by name."""
    return {name: json_digest(value) for name, value in pipeline.config.items()}


def entry_of(
    question: Question, verdict: Mapping[str, Any], digests: Mapping[str, str | None], folder: Path
) -> dict[str, Any]:
    """What the ledger keeps of a verdict on one date."""
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
