"""Finding the cause of a failed run by an orchestrator's own API alone, without Counterpoint; calls are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoint.services import ServiceEngine


def search(engine: ServiceEngine, native_id: str, words: tuple[str, ...]) -> dict[str, Any]:
    """The calls it took until a text held one of the words, and that text; `calls` is None when none did."""
    for calls, text in enumerate(engine.adapter.answers(engine.target, native_id), 1):
        if any(word in text for word in words):
            return {"calls": calls, "text": _around(text, words)}
    return {"calls": None, "text": None}


def _around(text: str, words: tuple[str, ...]) -> str:
    at = min(text.index(word) for word in words if word in text)
    return " ".join(text[max(at - 80, 0) : at + 120].split())
