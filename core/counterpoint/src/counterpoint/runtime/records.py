"""What the steps of a run recorded, as JSON values, and the record of the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.storage import layout

if TYPE_CHECKING:
    from counterpoint.model import RunRecord
    from counterpoint.storage import Store


def keep_record(store: Store, record: RunRecord) -> None:
    """Keeps the record of a run that has ended, once all that it tells is known; nothing else writes it."""
    store.put_json(layout.run_record(store.pipeline.name, record.run_id), record.to_dict())


def element_records(store: Store, run_id: str, step: str) -> list[dict[str, Any]]:
    """What a run recorded of each element of a mapped step, as JSON values."""
    parts: list[dict[str, Any]] = []
    while found := store.get_json(layout.step_record(store.pipeline.name, run_id, step, len(parts))):
        parts.append(found)
    return parts
