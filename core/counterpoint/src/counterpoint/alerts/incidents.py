"""The store of cases: one JSON object each, changed by compare-and-swap, so that no concurrent change is lost."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint.alerts.incident import Case
from counterpoint.errors import UsageError
from counterpoint.storage import layout
from counterpoint.storage.objects import json_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from counterpoint.storage.objects import Objects


def change(store: Objects, alert_id: str, becomes: Callable[[Case | None], Case | None]) -> Case | None:
    """Replaces a case by `becomes` of it, atomically under concurrent changes; returns the new case.

    Raises:
        StorageError: the root cannot be read or written.
    """
    path = layout.alert_case(alert_id)
    while True:
        stored = store.find(path)
        case = None if stored is None else _case(store, store.parsed(path, stored.data))
        new = becomes(case)
        if new is None or new == case or store.compare_and_swap(path, json_bytes(new.to_dict()), stored):
            return new


def all_cases(store: Objects) -> list[Case]:
    """Every case, the latest first.

    Raises:
        StorageError: the root cannot be read.
    """
    values = [store.get_json(path) for path in store.list(layout.ALERTS)]
    cases = [_case(store, value) for value in values if value is not None]
    return sorted(cases, key=lambda case: case.last_seen, reverse=True)


def case_of(store: Objects, alert_id: str) -> Case:
    """One case.

    Raises:
        UsageError: there is none of that id.
    """
    values = store.get_json(layout.alert_case(alert_id))
    if values is None:
        known = ", ".join(case.alert.id for case in all_cases(store)) or "none yet"
        raise UsageError(f"there is no alert {alert_id!r} below {store.root}; there are: {known}")
    return _case(store, values)


def _case(store: Objects, values: Mapping[str, Any]) -> Case:
    """A stored case; its command names the root that it was read from, which may be a copy."""
    case = Case.from_dict(values)
    words = shlex.split(case.alert.command or "")
    if "--root" not in words[:-1]:
        return case
    words[words.index("--root") + 1] = store.root
    return replace(case, alert=replace(case.alert, command=shlex.join(words)))
