"""A store on a root of its own, and scripts that use it from processes of theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

from shelves import shelf

if TYPE_CHECKING:
    from counterpoint.storage import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return shelf(str(tmp_path / "data"))


class Scripts:
    """Python in other processes, with the names of `shelves` at hand."""

    def start(self, code: str, *words: str, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", f"import sys\nfrom shelves import *\n{code}", *words]
        path = os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **more}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def run(self, code: str, *words: str, **more: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        process = self.start(code, *words, **more)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


@pytest.fixture(scope="session")
def scripts() -> Scripts:
    return Scripts()
