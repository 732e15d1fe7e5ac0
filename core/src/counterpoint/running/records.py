"""Where a run keeps what its steps recorded, and those records as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoint.storage import Store


def record_path(pipeline: str, run_id: str, step: str, index: int | None = None) -> str:
    """Where a run keeps the record of a step, or of one element of a mapped step."""
    suffix = "" if index is None else f".{index}"
    return f"runs/{pipeline}/{run_id}/{step}{suffix}.json"


def element_records(store: Store, run_id: str, step: str) -> list[dict[str, Any]]:
    """What a run recorded of each element of a mapped step, as JSON values."""
    parts: list[dict[str, Any]] = []
    while found := store.get_json(record_path(store.pipeline.name, run_id, step, len(parts))):
        parts.append(found)
    return parts
