"""The answer as plain data: what `--json` prints and what the text is told from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one orchestrator in one topic: measured here, or cited; `score` from 0 to 1.

    Measured: `figure` in `unit` with `median`, `low`, `high` of `runs` values, made by `command`; `disturbed` when the
    machine had other work. Cited: checked in `release`, at `url` or as `limit` of the adapter.
    """

    kind: str
    says: str
    score: float
    url: str | None = None
    limit: str | None = None
    release: str | None = None
    figure: str | None = None
    unit: str | None = None
    median: float | None = None
    low: float | None = None
    high: float | None = None
    runs: int | None = None
    command: str | None = None
    disturbed: bool | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of a criterion; it counts only where all are known, and `unknown` says why it is not."""

    criterion: str
    name: str
    title: str
    evidence: Mapping[str, Evidence]
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A criterion with its weight, the answers that changed it, and the score of each; no scores: nothing is known."""

    name: str
    title: str
    weight: float
    because: tuple[str, ...]
    scores: Mapping[str, float]
    known: float
    topics: tuple[Topic, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A place in the ranking; equal places are a tie. `score` is null where the needs alone decide."""

    name: str
    title: str
    place: int
    score: float | None


@dataclass(frozen=True, slots=True)
class Reason:
    """What speaks for or against a first one, with the evidence, and that of the other that it is compared with."""

    criterion: str
    topic: str
    weight: float
    orchestrator: str
    evidence: Evidence
    other: str
    other_evidence: Evidence


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about having no orchestrator, with the page of this documentation that holds more."""

    says: str
    page: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be judged, and why."""

    criterion: str
    topic: str
    weight: float
    why: str


@dataclass(frozen=True, slots=True)
class Flip:
    """An answer that would put others first."""

    question: str
    answer: tuple[str, ...]
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Margin:
    """How far the next one is behind the first."""

    second: str
    by: float


@dataclass(frozen=True, slots=True)
class Advice:
    """A ranking with its reasons, what speaks against the first, what is not known, and what would turn it."""

    profile: str
    answers: Mapping[str, tuple[str, ...]]
    unanswered: tuple[str, ...]
    report: Mapping[str, Any] | None
    known: float
    ranking: tuple[Ranked, ...]
    margin: Margin | None
    reasons: tuple[Reason, ...]
    against: tuple[Reason, ...]
    none_yet: Mapping[str, tuple[Note, ...]] | None
    unknown: tuple[Unknown, ...]
    flips: tuple[Flip, ...]
    criteria: tuple[Judged, ...]

    @property
    def first(self) -> tuple[str, ...]:
        """Who has the first place; several are a tie."""
        return tuple(sorted(one.name for one in self.ranking if one.place == 1))

    def to_dict(self) -> dict[str, Any]:
        """The answer for JSON."""
        return {"first": self.first, **asdict(self)}
