"""Finds the cause of a failed run with an orchestrator's own API alone, without Counterpoint, and counts the calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoint.services import ServiceEngine


def search(engine: ServiceEngine, native_id: str, words: tuple[str, ...]) -> dict[str, Any]:
    """The number of calls until a text contained one of the words, and that text; `calls` is None if none did."""
    for calls, text in enumerate(engine.adapter.answers(engine.target, native_id), 1):
        if any(word in text for word in words):
            return {"calls": calls, "text": _around(text, words)}
    return {"calls": None, "text": None}


def _around(text: str, words: tuple[str, ...]) -> str:
    start = min(text.index(word) for word in words if word in text)
    return " ".join(text[max(start - 80, 0) : start + 120].split())
