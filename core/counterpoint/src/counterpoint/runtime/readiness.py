"""Checking what a step waits for: an object, a table, a partition, or a run or asset of another orchestrator."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.bridging import materialization_of, run_of, server_of
from counterpoint.errors import UsageError
from counterpoint.model import BRIDGES, PartitionMapping, WaitKind
from counterpoint.runtime.registry import find_pipeline

if TYPE_CHECKING:
    from counterpoint.bridging import External
    from counterpoint.model import Partition, Wait
    from counterpoint.storage import Store

# commits that change no rows
_UPKEEP = frozenset({"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "ADD CONSTRAINT", "CREATE TABLE"})


def satisfied(wait: Wait, partition: Partition, store: Store) -> bool:
    """Whether what is waited for is there: one check of an object, a table's log, the catalogue or another server.

    Raises:
        StorageError: It cannot be checked now.
        ServiceError: The other orchestrator does not answer, or refuses.
        UsageError: There is no such pipeline or step, or the other orchestrator has no address.
    """
    if wait.kind in BRIDGES:
        external = bridged(wait, partition)
        return external is not None and external.is_made
    if wait.kind is WaitKind.PARTITION:
        return _is_published(wait, partition, store)
    place = wait.place(partition.key)
    if wait.kind is WaitKind.TABLE:
        return _is_written(place if _is_absolute(place) else store.uri(place), partition.end)
    return _exists(place) if _is_absolute(place) else store.exists(place)


def _is_absolute(place: str) -> bool:
    return "://" in place or Path(place).is_absolute()


def _exists(place: str) -> bool:
    from counterpoint.storage.objects import Objects, guarded

    scheme, _, location = place.rpartition("://")
    if scheme:
        bucket, _, path = location.partition("/")
        return Objects(f"{scheme}://{bucket}").exists(path)
    with guarded(place):
        return Path(place).exists()


def _is_written(uri: str, end: datetime) -> bool:
    """Whether a Delta table has a commit that changed rows at or after a moment, by the newest entries of its log."""
    from counterpoint.storage.objects import Objects, guarded
    from counterpoint.storage.tables import open_table

    with guarded(uri):
        table = open_table(uri)
    if table is None:
        return False
    # not by the library's own history, which blocks all threads while it reads a remote store
    log_of = Objects(f"{uri}/_delta_log")
    for version in range(table.version(), -1, -1):
        operation, moment = _commit(log_of.get(f"{version:020}.json"))
        if moment < end:
            return False
        if operation not in _UPKEEP:
            return True
    return False


def _commit(entry: bytes | None) -> tuple[str, datetime]:
    """The operation and time of a commit; one that was cleaned out of the log counts as made in 1970."""
    actions = map(json.loads, (entry or b"").splitlines())
    info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    return str(info.get("operation")), datetime.fromtimestamp(info.get("timestamp", 0) / 1000, UTC)


def _is_published(wait: Wait, partition: Partition, near: Store) -> bool:
    """Whether all partitions of the other pipeline that belong to this one are published in production.

    Of an input, one that a branch of the other pipeline skips does not come any more.
    """
    from counterpoint.storage import Store

    other = find_pipeline(wait.target)
    step = other.step(str(wait.step))
    if step.map_over:
        raise UsageError(
            f"nothing can wait for {other.name}.{step.name}, which is mapped: wait for a step that merges its elements"
        )
    keys = PartitionMapping.of(wait, near.pipeline.partitions, other.partitions).keys(partition.key)
    store = Store(near.root, other)
    return all(
        store.entry(step.name, key) is not None or (wait.parameter and store.is_skipped(step.name, key)) for key in keys
    )


def bridged(wait: Wait, partition: Partition) -> External | None:
    """The run or asset of another orchestrator for a partition, in any state, or None.

    Raises:
        ServiceError: It does not answer, or refuses.
        UsageError: It has no address.
    """
    server = server_of(str(wait.url_variable))
    if wait.kind is WaitKind.AIRFLOW_RUN:
        return run_of(server, wait.target, partition.start + wait.shift)
    if wait.key_format is None:
        return materialization_of(server, wait.target, None, partition.end)
    return materialization_of(server, wait.target, partition.local_start.strftime(wait.key_format))
