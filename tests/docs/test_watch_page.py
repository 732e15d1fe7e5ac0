"""What the page of `watch` tells people to type works, and so does its example."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/watch.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]


@pytest.mark.parametrize("command", commands())
def test_command(command: str, tmp_path: Path) -> None:
    environment = {**os.environ, "COUNTERPOINT_ROOT": str(tmp_path / "data")}
    started = subprocess.Popen(
        [str(ROOT / ".venv/bin/counterpoint"), *command.split()[1:]],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if "--once" not in command:
        assert started.stderr is not None
        assert "no registered pipeline has runs in" in started.stderr.readline()
        started.send_signal(signal.SIGINT)
        begun = time.monotonic()
        started.communicate(timeout=60)
        assert time.monotonic() - begun < 5
    else:
        _, err = started.communicate(timeout=60)
        assert started.returncode == 0, err


def test_example() -> None:
    (example,) = blocks("python")
    written = datetime(2026, 1, 7, tzinfo=UTC)
    names: dict[str, Any] = {"latest_snapshot": lambda *_: SimpleNamespace(digest="d", written=written)}
    exec(compile(example, "watch.md", "exec"), names)  # noqa: S102 - the page's own example
    seen = names["snapshot_digest"](None, "lake")
    assert (seen.digest, seen.as_of) == ("d", written)
