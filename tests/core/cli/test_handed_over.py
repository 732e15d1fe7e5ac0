"""A command that was handed over to the Python of an orchestrator ends with the command that was typed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
SECONDS = 60


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_however_the_typed_command_ends(tmp_path: Path, number: signal.Signals) -> None:
    python, told = tmp_path / "python", tmp_path / "told"
    python.write_text(f"#!/bin/sh\necho $$ > {told}.part && mv {told}.part {told}\nexec sleep 600\n")
    python.chmod(0o700)
    words = ["run", "counterpoint.testing.scenarios:linear", "--date", "2026-01-01", "--on", "airflow"]
    environment = {**os.environ, "COUNTERPOINT_PYTHON_AIRFLOW": str(python)}
    with subprocess.Popen([sys.executable, "-m", "counterpoint", *words], env=environment) as typed:
        deadline = time.monotonic() + SECONDS
        while not told.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        handed_over = psutil.Process(int(told.read_text()))
        typed.send_signal(number)
        assert not psutil.wait_procs([handed_over], timeout=SECONDS)[1]
        typed.wait(SECONDS)
