"""Where cases are kept: one JSON object each, changed by compare-and-swap, so that processes at once lose nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.alerts.case import Case
from counterpoint.errors import UsageError
from counterpoint.storage.objects import json_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.storage.objects import Objects

FOLDER = "alerts"


def path_of(alert_id: str) -> str:
    """Where a case is kept."""
    return f"{FOLDER}/{alert_id}.json"


def change(store: Objects, alert_id: str, becomes: Callable[[Case | None], Case | None]) -> Case | None:
    """Puts what a case becomes in its place, however many others change it at once; returns that.

    Raises:
        StorageError: the root cannot be read or written.
    """
    path = path_of(alert_id)
    while True:
        found = store.find(path)
        case = None if found is None else Case.from_dict(store.parsed(path, found.data))
        new = becomes(case)
        if new is None or new == case or store.swap(path, json_bytes(new.to_dict()), found):
            return new


def all_cases(store: Objects) -> list[Case]:
    """Every case, the latest first.

    Raises:
        StorageError: the root cannot be read.
    """
    values = [store.get_json(path) for path in store.list(FOLDER)]
    cases = [Case.from_dict(value) for value in values if value is not None]
    return sorted(cases, key=lambda case: case.last_seen, reverse=True)


def case_of(store: Objects, alert_id: str) -> Case:
    """One case.

    Raises:
        UsageError: there is none of that id.
    """
    values = store.get_json(path_of(alert_id))
    if values is None:
        known = ", ".join(case.alert.id for case in all_cases(store)) or "none yet"
        raise UsageError(f"there is no alert {alert_id!r} below {store.root}; there are: {known}")
    return Case.from_dict(values)
