"""The advice as plain data, from which `--json` and the text are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence about one orchestrator in one topic, measured or cited; `score` is from 0 to 1.

    Measured: `figure` in `unit` with `median`, `low`, `high` of `runs` values, made by `command`; `disturbed` if the
    machine had other load. Cited: checked for `release`, at `url` or as `limit` of the adapter.
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
    """One topic of a criterion; it counts only if all sides have evidence, else `unknown` is the reason."""

    criterion: str
    name: str
    title: str
    evidence: Mapping[str, Evidence]
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A criterion with its weight, the answers that changed the weight, and the scores; empty if nothing is known."""

    name: str
    title: str
    weight: float
    because: tuple[str, ...]
    scores: Mapping[str, float]
    known: float
    topics: tuple[Topic, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A place in the ranking; equal places are a tie. `score` is null if the needs alone decide."""

    name: str
    title: str
    place: int
    score: float | None


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for or against a first side, with its evidence and that of the `other` side it is compared with."""

    criterion: str
    topic: str
    weight: float
    orchestrator: str
    evidence: Evidence
    other: str
    other_evidence: Evidence


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about having no orchestrator, with the page of the documentation about it."""

    says: str
    page: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A topic that could not be judged, and the reason."""

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
    """The distance of the second from the first, in points."""

    second: str
    by: float


@dataclass(frozen=True, slots=True)
class Advice:
    """A ranking with reasons for and against the first, unknown topics, and answers that would change it."""

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
        """The sides in first place; several are a tie."""
        return tuple(sorted(ranked.name for ranked in self.ranking if ranked.place == 1))

    def to_dict(self) -> dict[str, Any]:
        """The answer for JSON."""
        return {"first": self.first, **asdict(self)}
