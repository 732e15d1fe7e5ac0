"""The ledger of rows sent from a partition; written in one swap, so that concurrent processes send a row once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.storage import layout
from counterpoint.storage.objects import json_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.storage import Store
    from counterpoint.storage.objects import Found


@dataclass(frozen=True, slots=True)
class Sending:
    """Rows that one `reprocess` sent from one partition.

    `letters` are the names of those sent, `given_up` of those that the step's function left out, `files` where the
    rows lie: file name to the partition they go to.
    """

    at: str
    letters: tuple[str, ...]
    given_up: tuple[str, ...]
    files: Mapping[str, str]
    rows: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Ledger:
    """All sendings of one partition of a step, and the stored object that they were read from."""

    sendings: tuple[Sending, ...] = ()
    found: Found | None = None

    @property
    def sent(self) -> set[str]:
        """The names of all letters that were sent."""
        return {name for sending in self.sendings for name in sending.letters}

    @property
    def given_up(self) -> set[str]:
        """The names of all letters that were given up."""
        return {name for sending in self.sendings for name in sending.given_up}


def read_ledger(store: Store, step: str, partition: str) -> Ledger:
    """The current ledger of a partition; empty when nothing was sent."""
    path = layout.resubmitted_from(store.pipeline.name, step, partition)
    found = store.find(path)
    if found is None:
        return Ledger()
    values = store.parsed(path, found.data)["sendings"]
    sendings = (Sending(**{**v, "letters": tuple(v["letters"]), "given_up": tuple(v["given_up"])}) for v in values)
    return Ledger(tuple(sendings), found)


def append(store: Store, step: str, partition: str, seen: Ledger, sending: Sending) -> bool:
    """Adds a sending to the ledger that was read; returns False when the ledger has changed since."""
    values = [entry.to_dict() for entry in (*seen.sendings, sending)]
    path = layout.resubmitted_from(store.pipeline.name, step, partition)
    return store.compare_and_swap(path, json_bytes({"sendings": values}), seen.found)


def senders(store: Store, step: str) -> list[str]:
    """The partitions from which something was sent."""
    paths = store.list(layout.resubmitted_senders(store.pipeline.name, step))
    return [layout.name_of(path) for path in paths]
