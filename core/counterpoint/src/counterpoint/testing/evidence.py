"""Files that step functions write to a folder, so that attempts and concurrency are visible outside their process."""

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
    """The number of this attempt, from 1, counted by files in a folder across processes and failures."""
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
    """Fails if more than `slots` holders are in this block at once, across processes.

    Raises:
        RuntimeError: there are more; the message has their number.
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


# seconds between two heartbeats
_BEAT = 0.1


@contextmanager
def alive(folder: str, name: str) -> Iterator[None]:
    """Writes a heartbeat every tenth of a second while this block runs, also during C code."""
    heartbeat = _place(f"{folder}/alive") / name
    heartbeat.write_text(str(time.time()), encoding="ascii")
    ended = Event()
    thread = Thread(target=lambda: _beat(heartbeat, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(heartbeat: Path, ended: Event) -> None:
    while not ended.wait(_BEAT):
        heartbeat.touch()


def lived(evidence: Path, name: str) -> float | None:
    """The seconds between the first and the latest heartbeat of a step; None if it has none."""
    heartbeat = evidence / "alive" / name
    return heartbeat.stat().st_mtime - float(heartbeat.read_text(encoding="ascii")) if heartbeat.exists() else None
