"""The data behind the advice: questions with weights, criteria with topics, properties with sources."""

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
    """One answer to a question; `weights` are added to the weights of the criteria."""

    name: str
    means: str
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its choices, in display order; with `many`, several may be chosen."""

    name: str
    asks: str
    default: str
    choices: Mapping[str, Choice]
    many: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured row: a figure, the lines of `code`, or the `acts` of an operator; less is better.

    With a `question`, the answer selects the limit in `most`, and only the limit is judged.
    """

    name: str
    figure: str = ""
    code: str = ""
    acts: str = ""
    question: str = ""
    most: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A criterion with cited `topics` and measured rows; `base` is its weight before any answer."""

    name: str
    title: str
    base: float
    topics: Mapping[str, str] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """A cited property of an orchestrator in a topic, valid for the answers in `when`; `score` is 1 for, 0 against.

    It was checked for `release`; its source is `url`, or `limit` in the adapter's limits.
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
    """All questions by name, in the order of the dialogue."""
    return {table["name"]: _question(table) for table in _read("questions.toml")["question"]}


@cache
def criteria() -> tuple[Criterion, ...]:
    """All criteria."""
    return tuple(
        Criterion(**{**table, "measures": tuple(Measure(**row) for row in table.get("measures", ()))})
        for table in _read("criteria.toml")["criterion"]
    )


@cache
def properties() -> tuple[Property, ...]:
    """All cited properties."""
    return tuple(_property(table) for table in _read("properties.toml")["property"])


@cache
def tie() -> float:
    """The difference up to which two totals count as equal."""
    return float(_read("criteria.toml")["ranking"]["tie"])


@cache
def none_yet() -> dict[str, Any]:
    """The answers that need no orchestrator, and the notes for and against having none."""
    table: dict[str, Any] = _read("criteria.toml")["none_yet"]
    return table


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def _question(table: Mapping[str, Any]) -> Question:
    return Question(**{**table, "choices": {name: Choice(name, **choice) for name, choice in table["choices"].items()}})


def _property(table: Mapping[str, Any]) -> Property:
    fields = {key: value for key, value in table.items() if key not in {"points", "when"}}
    when = {question: tuple(answers) for question, answers in table.get("when", {}).items()}
    return Property(score=POINTS[table["points"]], when=when, **fields)
