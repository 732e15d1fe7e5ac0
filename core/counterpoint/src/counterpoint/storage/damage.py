"""Finding the damage of a table that cannot be read, file by file, after a reader has failed.

Only a file that is missing, unreadable or of another size counts as damaged. Any other error of a library, such as a
store that does not answer, is an error of the root, because making the output again would not help.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING

from counterpoint.errors import DamagedOutputError
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterable

LOG = "_delta_log"
_VERSION_DIGITS = 20


def damaged_file(uri: str, files: Iterable[tuple[str, int]]) -> DamagedOutputError | None:
    """The first damaged file of a table, or None; `files` are paths and the sizes in the table's log.

    Raises:
        StorageError: The root cannot be read.
    """
    objects = Objects(uri)
    for path, size in files:
        data = objects.get(path)
        if data is None:
            return DamagedOutputError(f"{uri}/{path}", "is gone")
        if len(data) != size:
            return DamagedOutputError(f"{uri}/{path}", f"has {len(data)} bytes, not the {size} that were written")
        if not _is_parquet(data):
            return DamagedOutputError(f"{uri}/{path}", "is no whole Parquet file any more")
    return None


def damaged_log(uri: str) -> DamagedOutputError | None:
    """The first missing or unreadable file in the log of a table, or None.

    Raises:
        StorageError: The root cannot be read.
    """
    objects = Objects(uri)
    names = [path.rpartition("/")[2] for path in objects.list(LOG)]
    commits = [name for name in names if name.endswith(".json") and name[:_VERSION_DIGITS].isdecimal()]
    checkpoints = [name for name in names if ".checkpoint" in name and name.endswith(".parquet")]
    if not commits:
        return DamagedOutputError(f"{uri}/{LOG}", "is gone, or holds no commit")
    bad = [name for name in commits if not _is_commit(objects.get(f"{LOG}/{name}") or b"")]
    bad += [name for name in checkpoints if not _is_parquet(objects.get(f"{LOG}/{name}") or b"")]
    if bad:
        return DamagedOutputError(f"{uri}/{LOG}/{bad[0]}", "is damaged")
    gap = _gap([int(name[:_VERSION_DIGITS]) for name in commits], [int(name[:_VERSION_DIGITS]) for name in checkpoints])
    return None if gap is None else DamagedOutputError(f"{uri}/{LOG}/{gap:0{_VERSION_DIGITS}}.json", "is gone")


def set_aside(uri: str) -> None:
    """Moves an unreadable log to another folder, so that the table can be written anew; nothing is lost."""
    objects = Objects(uri)
    number = sum(name.startswith(f"{LOG}.damaged") for name in objects.folders(""))
    for path in objects.list(LOG):
        objects.put(path.replace(LOG, f"{LOG}.damaged-{number}", 1), objects.get(path) or b"")
        objects.delete(path)


def _gap(commits: list[int], checkpoints: list[int]) -> int | None:
    """The first version that is missing after the newest checkpoint."""
    first = max(checkpoints) + 1 if checkpoints else 0
    return next((number for number in range(first, max(commits)) if number not in set(commits)), None)


def _is_commit(data: bytes) -> bool:
    try:
        actions = [json.loads(line) for line in data.splitlines()]
    except (ValueError, RecursionError):
        return False
    return bool(actions) and all(isinstance(action, dict) for action in actions)


def _is_parquet(data: bytes) -> bool:
    import polars as pl

    try:
        pl.read_parquet(BytesIO(data))
    except BaseException as error:
        if isinstance(error, Exception) or is_panic(error):
            return False
        raise
    return True


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of a Rust library; each library has its own class for it."""
    return type(error).__name__ == "PanicException"
