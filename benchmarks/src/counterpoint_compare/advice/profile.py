"""The answers of a team: read from TOML and checked, or those of a typical team."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint_compare.advice.tables import HERE, Question, questions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Profile:
    """The answers of a team by question, one choice or several each; a missing question is not known."""

    name: str
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The questions that have no answer."""
        return tuple(name for name in questions() if name not in self.answers)

    def gives(self, question: str, allowed: tuple[str, ...]) -> bool:
        """Whether one of the answers to a question is in `allowed`."""
        return bool(set(self.answers.get(question, ())).intersection(allowed))

    def with_answer(self, question: str, answer: tuple[str, ...]) -> Profile:
        """The same team with another answer to one question."""
        return Profile(self.name, {**self.answers, question: answer})


def read_profile(path: Path) -> Profile:
    """Reads a profile.

    Raises:
        UsageError: the file cannot be read, or has an unknown key or value; the message names it and what is allowed.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--profile {path}: cannot be read ({error}): {_HELP}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"--profile {path}: is no TOML ({error}): {_HELP}") from None
    return profile_of(table, str(path), default_name=path.stem.replace("_", " "))


def profile_of(table: Mapping[str, Any], place: str, default_name: str = "this team") -> Profile:
    """The profile of a TOML table.

    Raises:
        UsageError: a key or a value is unknown; the message names the place, the key or value, and what is allowed.
    """
    name = table.get("name", default_name)
    if not isinstance(name, str):
        raise UsageError(f"{place}: name: write what the team is called, in quotes")
    answers = {key: value for key, value in table.items() if key != "name"}
    for key in answers:
        if key not in questions():
            raise UsageError(f"{place}: {key}: there is no such question; there are name, {', '.join(questions())}")
    return Profile(
        name, {key: _checked(questions()[key], answers[key], place) for key in questions() if key in answers}
    )


def _checked(question: Question, value: Any, place: str) -> tuple[str, ...]:
    allowed = f"write {'some' if question.many else 'one'} of {', '.join(question.choices)}"
    values = value if isinstance(value, list) and question.many else [value]
    if not values:
        raise UsageError(f"{place}: {question.name}: nothing is named; {allowed}, or leave the line out")
    for answer in values:
        if not isinstance(answer, str) or answer not in question.choices:
            raise UsageError(f"{place}: {question.name} = {answer!r}: no such answer; {allowed}")
    return tuple(name for name in question.choices if name in values)


def example() -> str:
    """A complete profile in TOML, with the meaning of each answer."""
    return "\n".join(_example()) + "\n"


def _example() -> Iterator[str]:
    yield "# A profile for `counterpoint advise --profile FILE`. What is not known may be left out."
    yield 'name = "our team"'
    for question in questions().values():
        yield f"\n# {question.asks}"
        yield from (f"#   {choice.name:<9} {choice.means}" for choice in question.choices.values())
        value = f'"{question.default}"'
        yield f"{question.name} = {f'[{value}]' if question.many else value}"


def typical() -> dict[str, Profile]:
    """The typical teams that come with the advice, by the name of their file."""
    return {path.stem: read_profile(path) for path in sorted((HERE / "profiles").glob("*.toml"))}


_HELP = "`counterpoint advise --print-profile` writes an example"
