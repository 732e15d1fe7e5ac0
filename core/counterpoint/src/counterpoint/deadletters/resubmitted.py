"""The rows resubmitted to a partition: files of rows, and one small object that lists them."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from counterpoint.storage import layout
from counterpoint.storage.digests import canonical, content_digest, json_digest
from counterpoint.storage.objects import json_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from counterpoint.storage import Store

_NAME_LENGTH = 32


def file_of(letters: Sequence[str], target: str, rows: pl.DataFrame) -> tuple[str, bytes]:
    """Rows as a file, named by their letters, their target and their content."""
    frame, buffer = canonical(rows), BytesIO()
    frame.write_parquet(buffer)
    made_of = [target, sorted(letters), content_digest(frame, is_canonical=True)]
    return json_digest(made_of).removeprefix("sha256:")[:_NAME_LENGTH], buffer.getvalue()


def put_file(store: Store, step: str, name: str, data: bytes) -> None:
    """Writes a file that no object lists yet."""
    store.put(layout.resubmitted_rows(store.pipeline.name, step, name), data)


def arrivals(store: Store, step: str, partition: str) -> dict[str, int]:
    """The files that were delivered to a partition, with their numbers of rows."""
    path = layout.resubmitted_to(store.pipeline.name, step, partition)
    files: dict[str, int] = (store.get_json(path) or {}).get("files", {})
    return files


def arrive(store: Store, step: str, partition: str, name: str, rows: int) -> None:
    """Delivers a file to a partition; idempotent."""
    path = layout.resubmitted_to(store.pipeline.name, step, partition)
    while True:
        found = store.find(path)
        files = store.parsed(path, found.data)["files"] if found else {}
        if name in files or store.compare_and_swap(path, json_bytes({"files": {**files, name: rows}}), found):
            return


def receivers(store: Store, step: str) -> list[str]:
    """The partitions with resubmitted rows."""
    paths = store.list(layout.resubmitted_receivers(store.pipeline.name, step))
    return [layout.name_of(path) for path in paths]


def resubmitted_digest(store: Store, step: str, partition: str) -> str | None:
    """The digest of a partition's resubmitted rows; None when there are none."""
    files = arrivals(store, step, partition)
    return json_digest(sorted(files)) if files else None


def resubmitted_rows(store: Store, step: str, partition: str) -> pl.DataFrame | None:
    """The resubmitted rows of a partition, in an order independent of their arrival; None when there are none.

    Raises:
        StorageError: a file of them was removed.
    """
    import polars as pl

    names = sorted(arrivals(store, step, partition))
    if not names:
        return None
    paths = [layout.resubmitted_rows(store.pipeline.name, step, name) for name in names]
    frames = [pl.read_parquet(BytesIO(store.get_or_raise(path))) for path in paths]
    return canonical(pl.concat(frames, how="diagonal_relaxed"))
