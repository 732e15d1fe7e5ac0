"""The command on a small pipeline of a user's own."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = str(Path(__file__).parents[1] / "runtime")  # where the pipeline `ledgerly` lies
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


@pytest.fixture
def on_terminal(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs `counterpoint` on a terminal, in the test's folder, from which it imports: exit code, and what is sent."""

    def run(*words: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        places = {
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "COUNTERPOINT_ROOT": str(tmp_path / "root"),
            "COLUMNS": "240",
            "TERM": "xterm-256color",
            "FORCE_COLOR": "1",
        }
        command = [sys.executable, "-m", "counterpoint", *words]
        process = subprocess.Popen(
            command,
            env={**os.environ, **places, "COUNTERPOINT_FOLDER": str(tmp_path)},
            stdout=theirs,
            stderr=theirs,
            stdin=theirs,
            cwd=tmp_path,
        )
        os.close(theirs)
        said = b""
        while True:
            try:
                said += (part := os.read(ours, 1 << 16))
            except OSError:
                break
            if not part:
                break
        os.close(ours)
        return process.wait(), said.decode(errors="replace")

    return run
