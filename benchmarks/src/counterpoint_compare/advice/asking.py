"""The questions, asked one by one on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint_compare.advice.profile import Profile
from counterpoint_compare.advice.tables import Question, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOT_KNOWN = "?"


def ask(read: Callable[[], str], say: Callable[[str], None], name: str = "this team") -> Profile:
    """Asks every question; `read` gives a line with its end, or nothing at the end of input.

    What is not known, and all that is open when the input ends, is left out.
    """
    say(f"{len(questions())} questions. Enter accepts the answer in brackets; {NOT_KNOWN} leaves a question open.")
    answers: dict[str, tuple[str, ...]] = {}
    for number, question in enumerate(questions().values(), 1):
        say(f"\n{number}. {question.asks}")
        for line in _choices(question):
            say(line)
        given = _answer(question, read, say)
        if given is None:
            break
        if given:
            answers[question.name] = given
    return Profile(name, answers)


def _choices(question: Question) -> Iterator[str]:
    for number, choice in enumerate(question.choices.values(), 1):
        yield f"   {number} {choice.name:<9} {choice.means}"


def _answer(question: Question, read: Callable[[], str], say: Callable[[str], None]) -> tuple[str, ...] | None:
    """What was chosen, nothing where it is not known, None when the input has ended."""
    while True:
        say(f"   {'one or more, separated by commas' if question.many else 'one'} [{question.default}]: ")
        line = read()
        if not line:
            return None
        if line.strip() == NOT_KNOWN:
            return ()
        chosen = _chosen(question, line.strip() or question.default)
        if chosen:
            return chosen
        say(f"   {line.strip()!r} is not one of {', '.join(question.choices)}: enter a name or a number")


def _chosen(question: Question, text: str) -> tuple[str, ...]:
    """The choices that names or numbers stand for; none where one of them is neither."""
    names = list(question.choices)
    numbers = {str(number): name for number, name in enumerate(names, 1)}
    given = [numbers.get(word.strip(), word.strip()) for word in (text.split(",") if question.many else [text])]
    return tuple(name for name in names if name in given) if set(given) <= set(names) else ()
