"""What step functions leave in a folder, so that attempts and concurrency can be seen from outside a process."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def attempt_number(folder: str, name: str) -> int:
    """Which attempt this is, counted from 1 by files in a folder; whatever process asks, and however it ended."""
    place = _place(folder)
    for number in count(1):
        try:
            (place / f"{name}.{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return number
    raise AssertionError  # pragma: no cover - count() never ends


def _place(folder: str) -> Path:
    if not folder:
        raise ValueError("no folder for evidence: the settings of the request did not reach this step")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def one_of_at_most(slots: int, folder: str, name: str) -> Iterator[None]:
    """Fails when more than `slots` holders are in this block at once, in whatever processes.

    Raises:
        RuntimeError: there are; the message says how many.
    """
    place = _place(folder)
    mark = place / f"{name}.busy"
    mark.touch(exist_ok=False)
    try:
        time.sleep(0.2)
        busy = len(list(place.glob("*.busy")))
        if busy > slots:
            raise RuntimeError(f"{busy} steps of a pool with {slots} slots work at once")
        yield
    finally:
        mark.unlink()


# seconds between two signs of life
_BEAT = 0.1


@contextmanager
def alive(folder: str, name: str) -> Iterator[None]:
    """Leaves a sign of life every tenth of a second while this block works, also while it is in C code."""
    sign = _place(f"{folder}/alive") / name
    sign.write_text(str(time.time()), encoding="ascii")
    ended = Event()
    thread = Thread(target=lambda: _beat(sign, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(sign: Path, ended: Event) -> None:
    while not ended.wait(_BEAT):
        sign.touch()


def lived(evidence: Path, name: str) -> float | None:
    """The seconds between the first and the latest sign of life of a step; None when it has left none."""
    sign = evidence / "alive" / name
    return sign.stat().st_mtime - float(sign.read_text(encoding="ascii")) if sign.exists() else None
