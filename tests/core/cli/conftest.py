"""The command on a small pipeline of a user's own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = str(Path(__file__).parents[1] / "running")  # where the pipeline `ledgerly` lies
sys.path.insert(0, HERE)


class Command:
    """Runs `counterpoint` in a process of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __call__(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-m", "counterpoint", *words]
        environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "300", **more}
        return subprocess.run(
            command, env=environment, cwd=self.place, capture_output=True, text=True, check=False, timeout=240
        )

    def json(self, *words: str, **more: str) -> Any:
        """What a command that ends well answers."""
        done = self(*words, "--json", **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def printed(self, line: str) -> subprocess.CompletedProcess[str]:
        """Carries out a command as it was printed."""
        name, *words = shlex.split(line)
        assert name == "counterpoint"
        return self(*words)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)
