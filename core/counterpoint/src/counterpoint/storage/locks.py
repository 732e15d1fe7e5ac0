"""File locks with a time limit: the holder is logged after some seconds, and named in the error."""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import shlex
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from counterpoint.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

TOLD_SECONDS = 3.0
LIMIT_SECONDS = 30.0
_LONGEST_PAUSE = 0.1


@contextmanager
def locked(file: IO[str], how: int, limit: float | None = None) -> Iterator[None]:
    """Holds a lock (`fcntl.LOCK_SH` or `LOCK_EX`) on an open file; closing the file releases it.

    Raises:
        StorageError: Another process has held it for `limit` seconds; names the process and the fix.
    """
    limit = LIMIT_SECONDS if limit is None else limit
    start, pause, is_logged = time.monotonic(), 0.001, False
    while not _acquire(file, how):
        waited = time.monotonic() - start
        if waited >= limit:
            raise StorageError(
                f"{file.name} has been locked for {waited:.0f} s by {_holders(file)}: it is held for moments only, so"
                " end that process, or continue it if it is stopped, and run this again"
            )
        if waited >= TOLD_SECONDS and not is_logged:
            log.warning("waiting for %s, locked by %s, for up to %.0f s", file.name, _holders(file), limit)
            is_logged = True
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    yield


def _acquire(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holders(file: IO[str]) -> str:
    """The processes that hold a lock on a file, as far as the system shows them."""
    about = os.fstat(file.fileno())
    place = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    lines: list[list[str]] = []
    with suppress(OSError):
        lines = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    # a process that waits for the lock has "->" in the second field
    pids = {int(line[4]) for line in lines if line[1] == "FLOCK" and line[5] == place}
    return "; ".join(_described(pid) for pid in sorted(pids - {0})) or "a process that this machine does not show"


def _described(pid: int) -> str:
    """A process by its id, command, user and start."""
    folder = Path(f"/proc/{pid}")
    text = f"process {pid}"
    with suppress(OSError, KeyError):
        about = folder.stat()
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        user = pwd.getpwuid(about.st_uid).pw_name
        since = datetime.fromtimestamp(about.st_ctime, UTC)
        text += f" ({shlex.join(words)[:100]}; user {user}; runs since {since:%Y-%m-%dT%H:%M:%SZ})"
    return text
