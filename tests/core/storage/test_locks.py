"""A lock that somebody holds for ever: who does is told, and it is waited for with a limit."""

from __future__ import annotations

import fcntl
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import StorageError
from counterpoint.lineage.registry import Place, alone
from counterpoint.storage import locks
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], 'a')
fcntl.flock(file, fcntl.LOCK_EX)
print(flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "TOLD_SECONDS", 0.1)
    monkeypatch.setattr(locks, "LIMIT_SECONDS", 0.5)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock of a root."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / ".lock"], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_who_holds_the_lock_of_a_root_is_told_and_named(
    tmp_path: Path, holder: subprocess.Popen[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StorageError) as refused:
        Objects(str(tmp_path)).compare_and_swap("a.json", b"1", None)
    assert refused.value.exit_code == 2
    said = str(refused.value)
    assert said.startswith(f"{tmp_path}/.lock has been locked for ")
    assert f" s by process {holder.pid} ({Path(sys.executable)}" in said
    assert all(words in said for words in ("user ", "runs since 2", "end that process"))
    (told,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert f"waiting for {tmp_path}/.lock, locked by process {holder.pid}" in told.getMessage()
    assert not (tmp_path / "a.json").exists()


def test_publishing_waits_for_the_same_lock(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    with pytest.raises(StorageError, match=f"process {holder.pid}"):
        Objects(str(tmp_path)).put_among_swaps("a.json", b"1")


def test_a_lock_that_is_given_back_is_taken(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    locks.LIMIT_SECONDS = 30.0
    holder.kill()
    assert Objects(str(tmp_path)).compare_and_swap("a.json", b"1", None)


def test_the_registry_waits_with_a_limit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoint.lineage.registry._LOCK_SECONDS", 0.3)
    place = Place("sqlite://", None, tmp_path)
    begun = time.monotonic()
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="has been locked"), alone(place, "lock"):
            pass
    assert time.monotonic() - begun < 20


def test_where_the_system_does_not_tell_nobody_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_holders", lambda _: "a process that this machine does not show")
    with (tmp_path / ".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="this machine does not show"):
            Objects(str(tmp_path)).compare_and_swap("a.json", b"1", None)
