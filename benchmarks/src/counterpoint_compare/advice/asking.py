"""Asks the questions one by one on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint_compare.advice.profile import Profile
from counterpoint_compare.advice.tables import Question, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOT_KNOWN = "?"


def ask(read_line: Callable[[], str], say: Callable[[str], None], name: str = "this team") -> Profile:
    """Asks every question.

    Args:
        read_line: returns a line with its line end, or an empty string at the end of input.
        say: prints a line.
        name: the name of the team.

    Returns:
        The profile, without the questions that are not known or were open when the input ended.
    """
    say(f"{len(questions())} questions. Enter accepts the answer in brackets; {NOT_KNOWN} leaves a question open.")
    answers: dict[str, tuple[str, ...]] = {}
    for number, question in enumerate(questions().values(), 1):
        say(f"\n{number}. {question.asks}")
        for line in _choices(question):
            say(line)
        answer = _read_answer(question, read_line, say)
        if answer is None:
            break
        if answer:
            answers[question.name] = answer
    return Profile(name, answers)


def _choices(question: Question) -> Iterator[str]:
    for number, choice in enumerate(question.choices.values(), 1):
        yield f"   {number} {choice.name:<9} {choice.means}"


def _read_answer(
    question: Question, read_line: Callable[[], str], say: Callable[[str], None]
) -> tuple[str, ...] | None:
    """The chosen answers, empty if not known, None if the input has ended."""
    while True:
        say(f"   {'one or more, separated by commas' if question.many else 'one'} [{question.default}]: ")
        line = read_line()
        if not line:
            return None
        if line.strip() == NOT_KNOWN:
            return ()
        chosen = _chosen(question, line.strip() or question.default)
        if chosen:
            return chosen
        say(f"   {line.strip()!r} is not one of {', '.join(question.choices)}: enter a name or a number")


def _chosen(question: Question, text: str) -> tuple[str, ...]:
    """The choices with these names or numbers; empty if one of them is neither."""
    names = list(question.choices)
    numbers = {str(number): name for number, name in enumerate(names, 1)}
    words = [numbers.get(word.strip(), word.strip()) for word in (text.split(",") if question.many else [text])]
    return tuple(name for name in names if name in words) if set(words) <= set(names) else ()
