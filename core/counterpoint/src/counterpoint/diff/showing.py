"""Values of a sample as texts: null apart from the text NULL, and two that differ never alike."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from counterpoint.diff.report import plain

_LONGEST, _BEFORE = 60, 20


def told(value: Any) -> str:
    """A value as a text of limited length: texts in quotes, null as NULL."""
    return _cut(_text(value), 0)


def told_apart(left: Any, right: Any) -> tuple[str, str]:
    """Two values that differ, as texts that differ: cut around the first difference, look-alikes as escapes."""
    texts = _text(left), _text(right)
    if texts[0] == texts[1] and type(left) is not type(right):
        return f"{_cut(texts[0], 0)} ({type(left).__name__})", f"{_cut(texts[1], 0)} ({type(right).__name__})"
    if _look_alike(*texts):
        texts = _text(left, ascii_only=True), _text(right, ascii_only=True)
    place = _first_difference(*texts)
    return _cut(texts[0], place), _cut(texts[1], place)


def _text(value: Any, *, ascii_only: bool = False) -> str:
    if value is None:
        return "NULL"
    shown = plain(value)
    if isinstance(value, str) or isinstance(shown, (dict, list)):
        return json.dumps(shown, ensure_ascii=ascii_only)
    return str(shown)


def _first_difference(left: str, right: str) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((number for number, (one, other) in pairs if one != other), min(len(left), len(right)))


def _look_alike(left: str, right: str) -> bool:
    """Whether two texts that differ can look the same: in composition, in spaces, or by letters of two scripts."""
    if _seen(left) == _seen(right):
        return True
    place = _first_difference(left, right)
    one, other = left[place : place + 1], right[place : place + 1]
    return bool(one and other) and one.isalpha() and other.isalpha() and _is_latin(one) != _is_latin(other)


def _seen(text: str) -> str:
    """The text as a reader sees it: composed, every space a blank, without what has no width."""
    composed = unicodedata.normalize("NFKC", text)
    visible = (char for char in composed if unicodedata.category(char) not in {"Cf", "Cc", "Mn", "Me"})
    return "".join(" " if char.isspace() else char for char in visible).rstrip()


def _is_latin(char: str) -> bool:
    return char.isascii() or unicodedata.name(char, "").startswith("LATIN")


def _cut(text: str, place: int) -> str:
    if len(text) <= _LONGEST:
        return text
    start = max(0, min(place - _BEFORE, len(text) - _LONGEST))
    head, tail = ("…" if start else ""), ("…" if start + _LONGEST < len(text) else "")
    return f"{head}{text[start + len(head) : start + _LONGEST - len(tail)]}{tail}"
