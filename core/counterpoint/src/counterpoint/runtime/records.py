"""The records of a run's steps, as JSON values, and the record of the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.storage import layout

if TYPE_CHECKING:
    from counterpoint.model import RunRecord
    from counterpoint.storage import Store


def keep_record(store: Store, record: RunRecord) -> None:
    """Stores the record of a run that has ended, once it is complete; nothing else writes it."""
    store.put_json(layout.run_record(store.pipeline.name, record.run_id), record.to_dict())


def element_records(store: Store, run_id: str, step: str) -> list[dict[str, Any]]:
    """The records of a mapped step's elements in a run, as JSON values."""
    records: list[dict[str, Any]] = []
    while record := store.get_json(layout.step_record(store.pipeline.name, run_id, step, len(records))):
        records.append(record)
    return records
