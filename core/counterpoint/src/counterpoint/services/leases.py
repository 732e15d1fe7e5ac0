"""Who may start the services of a home, and who uses them: locks of files, which the system ends with their holder."""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)
START, USE, GUARD = "start.lock", "use.lock", "guard.lock"


@contextmanager
def starting(home: Path, orchestrator: str) -> Iterator[None]:
    """The right to start or clean up the services of a home; waits while another command has it."""
    held = _open(home, START)
    try:
        if not _locked(held, fcntl.LOCK_EX):
            log.info("%s: waiting for another command to start the services", orchestrator)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


@contextmanager
def cleaning(home: Path) -> Iterator[bool]:
    """The same for who need not have it; false when another command has it, which cleans up itself."""
    held = _open(home, START)
    try:
        yield _locked(held, fcntl.LOCK_EX)
    finally:
        os.close(held)


def use(home: Path) -> int:
    """Says that this process uses the services, until the descriptor is closed; waits while they are being ended."""
    held = _open(home, USE)
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def used_by_others(home: Path) -> bool:
    """Whether others use the services, and nobody ends them now."""
    return not _can(home, fcntl.LOCK_EX) and _can(home, fcntl.LOCK_SH)


def in_use(home: Path) -> bool:
    """Whether services of a home run or are being started, on this machine."""
    return (home / USE).exists() and not _can(home, fcntl.LOCK_EX)


def alone(home: Path, name: str) -> int | None:
    """When nobody has a lock (`USE`, `GUARD`), a descriptor: while it is open, nobody else gets it."""
    held = _open(home, name)
    if _locked(held, fcntl.LOCK_EX):
        return held
    os.close(held)
    return None


def _can(home: Path, kind: int) -> bool:
    held = _open(home, USE)
    try:
        return _locked(held, kind)
    finally:
        os.close(held)


def _locked(held: int, kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(held, kind | fcntl.LOCK_NB)
        return True
    return False


def _open(home: Path, name: str) -> int:
    home.mkdir(parents=True, exist_ok=True)
    return os.open(home / name, os.O_RDWR | os.O_CREAT, 0o600)
