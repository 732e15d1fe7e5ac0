"""File locks on who may start a home's services and who uses them; a lock ends with the process that holds it."""

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
    descriptor = _open(home, START)
    try:
        if not _locked(descriptor, fcntl.LOCK_EX):
            log.info("%s: waiting for another command to start the services", orchestrator)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def cleaning(home: Path) -> Iterator[bool]:
    """The same right without waiting; false when another command has it, which then cleans up itself."""
    descriptor = _open(home, START)
    try:
        yield _locked(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def use(home: Path) -> int:
    """Marks the services as used until the returned descriptor is closed; waits while they are being ended."""
    descriptor = _open(home, USE)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def used_by_others(home: Path) -> bool:
    """Whether other processes use the services, and nobody is ending them."""
    return not _can(home, fcntl.LOCK_EX) and _can(home, fcntl.LOCK_SH)


def in_use(home: Path) -> bool:
    """Whether services of a home run or are being started, on this machine."""
    return (home / USE).exists() and not _can(home, fcntl.LOCK_EX)


def alone(home: Path, name: str) -> int | None:
    """Takes a lock (`USE`, `GUARD`) that nobody has; returns its descriptor, or None when somebody has it."""
    descriptor = _open(home, name)
    if _locked(descriptor, fcntl.LOCK_EX):
        return descriptor
    os.close(descriptor)
    return None


def _can(home: Path, kind: int) -> bool:
    descriptor = _open(home, USE)
    try:
        return _locked(descriptor, kind)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    return False


def _open(home: Path, name: str) -> int:
    home.mkdir(parents=True, exist_ok=True)
    return os.open(home / name, os.O_RDWR | os.O_CREAT, 0o600)
