"""The data that the advice is made from: questions with weights, criteria with topics, properties with sources."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
POINTS = {"for": 1.0, "partly": 0.5, "against": 0.0}


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to a question; `weights` is what it adds to the weight of each criterion."""

    name: str
    means: str
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its choices, in the order in which they are shown; `many` may be chosen at once."""

    name: str
    asks: str
    default: str
    choices: Mapping[str, Choice]
    many: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured row: a figure, the lines of `code`, or the `acts` of an operator; less is better.

    With a `question`, the answer says the `most` that it may be, and only that is judged.
    """

    name: str
    figure: str = ""
    code: str = ""
    acts: str = ""
    question: str = ""
    most: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is judged, by cited `topics` and by measured rows; `base` is its weight before any answer."""

    name: str
    title: str
    base: float
    topics: Mapping[str, str] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """What an orchestrator is known for in a topic, `when` those answers were given; `score` is 1 for, 0 against.

    It was checked in `release`, and stands at `url` or in the adapter's limits as `limit`.
    """

    orchestrator: str
    topic: str
    says: str
    score: float
    release: str
    url: str | None = None
    limit: str | None = None
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@cache
def questions() -> dict[str, Question]:
    """All questions by name, in the order in which they are asked."""
    return {one["name"]: _question(one) for one in _read("questions.toml")["question"]}


@cache
def criteria() -> tuple[Criterion, ...]:
    """All criteria."""
    return tuple(
        Criterion(**{**one, "measures": tuple(Measure(**row) for row in one.get("measures", ()))})
        for one in _read("criteria.toml")["criterion"]
    )


@cache
def properties() -> tuple[Property, ...]:
    """All cited properties."""
    return tuple(_property(one) for one in _read("properties.toml")["property"])


@cache
def tie() -> float:
    """How close two totals are that count as equal."""
    return float(_read("criteria.toml")["ranking"]["tie"])


@cache
def none_yet() -> dict[str, Any]:
    """The answers that need no orchestrator, and what speaks for and against having none."""
    found: dict[str, Any] = _read("criteria.toml")["none_yet"]
    return found


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def _question(one: Mapping[str, Any]) -> Question:
    return Question(**{**one, "choices": {name: Choice(name, **rest) for name, rest in one["choices"].items()}})


def _property(one: Mapping[str, Any]) -> Property:
    rest = {key: value for key, value in one.items() if key not in {"points", "when"}}
    when = {question: tuple(answers) for question, answers in one.get("when", {}).items()}
    return Property(score=POINTS[one["points"]], when=when, **rest)
