"""Who works on a backfill: the owner of its manifest, as long as it renews its lease (docs/decisions/0048)."""

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

    def __init__(self, store: Store, asked: BackfillRequest) -> None:
        self._store, self._asked, self.token = store, asked, uuid4().hex
        self._taken, self._renewed = _now(), time.monotonic()
        self._stop, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._interrupts = False

    def manifest(self, status: str = "running", report: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the owner records."""
        times = {"taken": self._taken, "beat": _now()}
        owned = {"owner": asdict(Owner.here()), "token": self.token, **times}
        return {"asked": asdict(self._asked), **owned, "status": status, "report": report}

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
            except StorageError as error:  # told by whatever else is written; the next beat tries again
                log.debug("the lease of backfill %s was not renewed: %s", self._asked.version, error)
                continue
            if not is_mine:
                self._lost.set()
                if self._interrupts:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return

    def put(self, manifest: Mapping[str, Any]) -> bool:
        """Puts a manifest in place of one of this lease; False when there is another one."""
        path = layout.backfill_manifest(self._store.pipeline.name, self._asked.version)
        while (found := self._store.find(path)) and self._store.parsed(path, found.data).get("token") == self.token:
            if self._store.compare_and_swap(path, json_bytes(manifest), found):
                self._renewed = time.monotonic()
                return True
        return False

    def refuse_lost(self) -> None:
        """Refuses to go on after another process took over; looks at the store itself if it was long not renewed.

        Raises:
            HeldError: one did; names it.
        """
        is_old = time.monotonic() - self._renewed > LEASE_SECONDS / 2
        if self._lost.is_set() or (is_old and not self.put(self.manifest())):
            raise self._told()

    def release(self, report: Mapping[str, Any] | None) -> None:
        """Records how the backfill ended; without a report, that it was interrupted.

        Raises:
            HeldError: another process has taken it over: nothing is recorded.
        """
        if not self.put(self.manifest(report["status"] if report else "interrupted", report)):
            raise self._told() from None

    def _told(self) -> HeldError:
        path = layout.backfill_manifest(self._store.pipeline.name, self._asked.version)
        found = self._store.get_json(path) or {}
        owner = found.get("by") or found.get("owner")
        by = Owner(**owner) if owner else "another process"
        return HeldError(
            f"backfill {self._asked.version} was taken over by {by}: this process has stopped and recorded no end"
        )


def claim(store: Store, asked: BackfillRequest, *, take_over: bool = False) -> Lease:
    """Makes this process the owner of a backfill, unless another one works on it or on one of its partitions.

    Raises:
        HeldError: one does; names it, and how it is taken over. With `take_over` it is told to stop instead.
    """
    lease, path = Lease(store, asked), layout.backfill_manifest(store.pipeline.name, asked.version)
    while True:
        free(store, lambda version, other: _is_rival(asked, version, other), take_over=take_over)
        before = store.find(path)
        if before and is_running(store.parsed(path, before.data)):
            continue
        if store.compare_and_swap(path, json_bytes(lease.manifest()), before):
            break
    try:
        # whoever claimed at the same moment sees this claim, as this one sees theirs: at most one goes on
        free(store, lambda version, other: other.get("token") != lease.token and _is_rival(asked, version, other))
    except HeldError:
        lease.put(store.parsed(path, before.data) if before else {"status": DROPPED})
        raise
    return lease


def _is_rival(asked: BackfillRequest, version: str, manifest: Mapping[str, Any]) -> bool:
    other = manifest["asked"]
    return version == asked.version or (other["first"] <= asked.last and asked.first <= other["last"])


def free(store: Store, is_rival: Callable[[str, dict[str, Any]], bool], *, take_over: bool = False) -> None:
    """Refuses what others work on; a manifest whose owner is gone becomes that of an interrupted backfill.

    Raises:
        HeldError: somebody works on one of the backfills that `is_rival` names, and it is not taken over.
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
    """Whether somebody works on a backfill, as far as one look can tell."""
    return manifest["status"] == "running" and _state(manifest) == "works"


def _state(manifest: Mapping[str, Any]) -> Literal["works", "gone", "silent"]:
    """What one look tells of an owner: silent is one elsewhere whose lease is over by our clock, which may be wrong."""
    owner = Owner(**manifest["owner"])
    if owner.is_known:
        return "works" if owner.lives else "gone"
    return "works" if abs(_age(manifest)) <= LEASE_SECONDS else "silent"


def _is_heard(store: Store, version: str, manifest: Mapping[str, Any]) -> bool:
    """Whether a silent owner is heard after all: it renews its lease while we listen, whatever its clock says."""
    log.warning("backfill %s: checking whether its owner, %s, still runs", version, Owner(**manifest["owner"]))
    end = time.monotonic() + 3 * BEAT_SECONDS
    while time.monotonic() < end:
        time.sleep(BEAT_SECONDS / 5)
        seen = store.get_json(layout.backfill_manifest(store.pipeline.name, version))
        if seen is None or seen.get("beat") != manifest.get("beat"):
            return True
    return False


def _interrupt(store: Store, version: str, token: str | None) -> bool:
    """Takes a manifest from its owner; False when it has changed hands, or ended, meanwhile."""
    path = layout.backfill_manifest(store.pipeline.name, version)
    while found := store.find(path):
        manifest = store.parsed(path, found.data)
        if manifest.get("token") != token or manifest["status"] != "running":
            return False
        left = {**manifest, "status": "interrupted", "token": "", "by": asdict(Owner.here())}
        if store.compare_and_swap(path, json_bytes(left), found):
            return True
    return False


def forget(store: Store, version: str, seen: Found | None) -> None:
    """Leaves of a manifest only that its backfill was dropped, unless it has changed since it was seen."""
    if seen is not None:
        path = layout.backfill_manifest(store.pipeline.name, version)
        store.compare_and_swap(path, json_bytes({"status": DROPPED}), seen)


def _held(version: str, manifest: Mapping[str, Any]) -> HeldError:
    asked, owner = manifest["asked"], Owner(**manifest["owner"])
    return HeldError(
        f"backfill {version} works on {asked['first']} to {asked['last']}: {owner} owns it since"
        f" {manifest.get('taken')}, its last heartbeat was at {manifest.get('beat')}; wait until it has ended (one that"
        f" was killed elsewhere holds it for {LEASE_SECONDS:.0f} s), choose other partitions, or, if it will never end,"
        " repeat this command with --take-over"
    )


def _age(manifest: Mapping[str, Any]) -> float:
    beat = manifest.get("beat")  # earlier releases had none
    return (datetime.now(UTC) - datetime.fromisoformat(beat)).total_seconds() if beat else float("inf")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
