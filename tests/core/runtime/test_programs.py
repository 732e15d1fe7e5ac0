"""The programs that a step has started end with the command, with the process it was forked from, and with itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who started what")
PROGRAMS = ("program", "daemon", "grandchild")
SECONDS = 60


def until(seen: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := seen()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def started(folder: Path) -> list[psutil.Process]:
    until(lambda: all((folder / name).exists() for name in PROGRAMS))
    return [psutil.Process(int((folder / name).read_text())) for name in PROGRAMS]


def command(folder: Path, pipeline: str = "launching:pipeline") -> list[str]:
    asked = ["run", pipeline, "--date", "2026-01-01", "--set", f'folder="{folder}"', "--root", str(folder / "root")]
    return [sys.executable, "-m", "counterpoint", *asked]


ENDS = [
    ("command", signal.SIGKILL),
    ("command", signal.SIGTERM),
    ("command", signal.SIGINT),
    ("command", signal.SIGHUP),
    ("server", signal.SIGKILL),
    ("step", signal.SIGKILL),
    ("step", signal.SIGTERM),
]


@pytest.fixture
def heeded() -> Iterator[None]:
    """SIGHUP ends what is started here, also where `nohup` began the tests: who ignores a signal hands that on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize(("what", "number"), ENDS)
def test_what_a_step_has_started_ends_with_it(what: str, number: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command(tmp_path), env=environment, stderr=subprocess.DEVNULL) as asked:
        programs = started(tmp_path)
        step = programs[0].parent()
        assert step
        server = step.parent()
        assert server
        {"command": psutil.Process(asked.pid), "server": server, "step": step}[what].send_signal(number)
        assert not psutil.wait_procs(programs, timeout=15)[1]
        assert asked.wait(SECONDS) != 0


def test_what_a_step_that_ended_well_has_left_running_is_left_alone(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run(command(tmp_path, "launching:leaving"), env=environment, check=True, timeout=SECONDS)
    program = psutil.Process(int((tmp_path / "program").read_text()))
    assert program.is_running()
    program.kill()
