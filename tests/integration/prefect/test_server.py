"""Prefect's server does not wait for itself on SQLite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.prefect

DEADLOCK = Path(__file__).with_name("deadlock.py")


def test_garbage_does_not_stop_the_event_loop(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, DEADLOCK, tmp_path / "events.db"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "garbage of 2000"), done.stderr
