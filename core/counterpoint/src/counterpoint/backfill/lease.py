"""The lease of a backfill: a process owns its manifest as long as it renews the lease (docs/decisions/0048)."""

from __future__ import annotations

import logging
import signal
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import uuid4

from counterpoint.backfill.records import DROPPED, manifests
from counterpoint.errors import HeldError, StorageError
from counterpoint.services.processes import Owner
from counterpoint.storage import layout
from counterpoint.storage.objects import json_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from counterpoint.backfill.records import BackfillRequest
    from counterpoint.storage import Store
    from counterpoint.storage.objects import Found

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
LEASE_SECONDS = 45.0


class Lease:
    """A claim on the manifest of a backfill; while it is entered, a thread renews it.

    When another process takes it over, the main thread is interrupted as by Ctrl-C, if the lease was entered there.
    """

    def __init__(self, store: Store, requested: BackfillRequest) -> None:
        self._store, self._requested, self.token = store, requested, uuid4().hex
        self._taken, self._renewed = _now(), time.monotonic()
        self._stop, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._interrupts = False

    def manifest(self, status: str = "running", report: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The manifest that the owner records."""
        times = {"taken": self._taken, "beat": _now()}
        owned = {"owner": asdict(Owner.here()), "token": self.token, **times}
        return {"asked": asdict(self._requested), **owned, "status": status, "report": report}

    def __enter__(self) -> Self:
        self._interrupts = threading.current_thread() is threading.main_thread()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                is_mine = self.put(self.manifest())
            except StorageError as error:  # other writes report it too; the next beat tries again
                log.debug("the lease of backfill %s was not renewed: %s", self._requested.version, error)
                continue
            if not is_mine:
                self._lost.set()
                if self._interrupts:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return

    def put(self, manifest: Mapping[str, Any]) -> bool:
        """Replaces this lease's manifest; returns False when the manifest belongs to another lease."""
        path = layout.backfill_manifest(self._store.pipeline.name, self._requested.version)
        while (stored := self._store.find(path)) and self._store.parsed(path, stored.data).get("token") == self.token:
            if self._store.compare_and_swap(path, json_bytes(manifest), stored):
                self._renewed = time.monotonic()
                return True
        return False

    def refuse_lost(self) -> None:
        """Refuses to continue after another process took over; reads the store if the last renewal is old.

        Raises:
            HeldError: another process took over; names it.
        """
        is_old = time.monotonic() - self._renewed > LEASE_SECONDS / 2
        if self._lost.is_set() or (is_old and not self.put(self.manifest())):
            raise self._taken_over()

    def release(self, report: Mapping[str, Any] | None) -> None:
        """Records how the backfill ended; without a report, it was interrupted.

        Raises:
            HeldError: another process has taken the backfill over; nothing is recorded.
        """
        if not self.put(self.manifest(report["status"] if report else "interrupted", report)):
            raise self._taken_over() from None

    def _taken_over(self) -> HeldError:
        path = layout.backfill_manifest(self._store.pipeline.name, self._requested.version)
        manifest = self._store.get_json(path) or {}
        owner = manifest.get("by") or manifest.get("owner")
        by = Owner(**owner) if owner else "another process"
        return HeldError(
            f"backfill {self._requested.version} was taken over by {by}: this process has stopped and recorded no end"
        )


def claim(store: Store, requested: BackfillRequest, *, take_over: bool = False) -> Lease:
    """Makes this process the owner of a backfill, unless another one works on it or on one of its partitions.

    Raises:
        HeldError: another process does; names it and the way to take over. With `take_over`, it is stopped instead.
    """
    lease, path = Lease(store, requested), layout.backfill_manifest(store.pipeline.name, requested.version)
    while True:
        free(store, lambda version, other: _is_rival(requested, version, other), take_over=take_over)
        before = store.find(path)
        if before and is_running(store.parsed(path, before.data)):
            continue
        if store.compare_and_swap(path, json_bytes(lease.manifest()), before):
            break
    try:
        # two processes that claim at the same moment see each other's claim here, so at most one of them continues
        free(store, lambda version, other: other.get("token") != lease.token and _is_rival(requested, version, other))
    except HeldError:
        lease.put(store.parsed(path, before.data) if before else {"status": DROPPED})
        raise
    return lease


def _is_rival(requested: BackfillRequest, version: str, manifest: Mapping[str, Any]) -> bool:
    other = manifest["asked"]
    return version == requested.version or (other["first"] <= requested.last and requested.first <= other["last"])


def free(store: Store, is_rival: Callable[[str, dict[str, Any]], bool], *, take_over: bool = False) -> None:
    """Refuses backfills that others work on; marks backfills whose owner is gone as interrupted.

    Raises:
        HeldError: another process works on a backfill that `is_rival` selects, and `take_over` is false.
    """
    told_to_stop = False
    for version, manifest in manifests(store).items():
        if manifest["status"] != "running" or not is_rival(version, manifest):
            continue
        state = _state(manifest)
        if not take_over and (state == "works" or (state == "silent" and _is_heard(store, version, manifest))):
            raise _held(version, manifest)
        told_to_stop |= _interrupt(store, version, manifest.get("token")) and state != "gone"
    if told_to_stop:
        log.warning("backfill taken over: waiting %.0f s for the previous owner to stop", 2 * BEAT_SECONDS)
        time.sleep(2 * BEAT_SECONDS)


def is_running(manifest: Mapping[str, Any]) -> bool:
    """Whether a process works on a backfill, as far as one read of its manifest shows."""
    return manifest["status"] == "running" and _state(manifest) == "works"


def _state(manifest: Mapping[str, Any]) -> Literal["works", "gone", "silent"]:
    """The owner's state by one read. A silent owner is elsewhere; its lease is over by our clock, which may be off."""
    owner = Owner(**manifest["owner"])
    if owner.is_known:
        return "works" if owner.lives else "gone"
    return "works" if abs(_age(manifest)) <= LEASE_SECONDS else "silent"


def _is_heard(store: Store, version: str, manifest: Mapping[str, Any]) -> bool:
    """Whether a silent owner renews its lease while we poll, whatever its clock says."""
    log.warning("backfill %s: checking whether its owner, %s, still runs", version, Owner(**manifest["owner"]))
    end = time.monotonic() + 3 * BEAT_SECONDS
    while time.monotonic() < end:
        time.sleep(BEAT_SECONDS / 5)
        current = store.get_json(layout.backfill_manifest(store.pipeline.name, version))
        if current is None or current.get("beat") != manifest.get("beat"):
            return True
    return False


def _interrupt(store: Store, version: str, token: str | None) -> bool:
    """Takes a manifest from its owner; returns False when the owner has changed or the backfill has ended."""
    path = layout.backfill_manifest(store.pipeline.name, version)
    while stored := store.find(path):
        manifest = store.parsed(path, stored.data)
        if manifest.get("token") != token or manifest["status"] != "running":
            return False
        interrupted = {**manifest, "status": "interrupted", "token": "", "by": asdict(Owner.here())}
        if store.compare_and_swap(path, json_bytes(interrupted), stored):
            return True
    return False


def forget(store: Store, version: str, stored: Found | None) -> None:
    """Replaces a manifest by the mark of a dropped backfill, unless it has changed since it was read."""
    if stored is not None:
        path = layout.backfill_manifest(store.pipeline.name, version)
        store.compare_and_swap(path, json_bytes({"status": DROPPED}), stored)


def _held(version: str, manifest: Mapping[str, Any]) -> HeldError:
    request, owner = manifest["asked"], Owner(**manifest["owner"])
    return HeldError(
        f"backfill {version} works on {request['first']} to {request['last']}: {owner} owns it since"
        f" {manifest.get('taken')}, its last heartbeat was at {manifest.get('beat')}; wait until it has ended (one that"
        f" was killed elsewhere holds it for {LEASE_SECONDS:.0f} s), choose other partitions, or, if it will never end,"
        " repeat this command with --take-over"
    )


def _age(manifest: Mapping[str, Any]) -> float:
    beat = manifest.get("beat")  # earlier releases had none
    return (datetime.now(UTC) - datetime.fromisoformat(beat)).total_seconds() if beat else float("inf")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
