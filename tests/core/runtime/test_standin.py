"""What stands for a process that is forked elsewhere is, to who started it, that process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from counterpoint.runtime import forkserver_standin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
SECONDS = 30
# what is forked: tells who it is, and then does what TODO says
SERVES = """
import json, os, sys, time
from counterpoint.runtime.forkserver import listen
from counterpoint.runtime.forkserver_client import take

def main(asking, tells):
    with asking, asking.makefile("r") as question:
        take(json.loads(question.readline()))
    told = {"pid": os.getpid(), "parent": os.getppid(), "folder": os.getcwd(), "said": os.environ.get("SAID")}
    print(json.dumps(told), flush=True)
    exec(os.environ["TODO"])
    return 0

sys.exit(listen(sys.argv[1], main, ["decimal"])())
"""
INSTEAD = (sys.executable, "-c", "print('none was forked')")


def eventually(seen: Callable[[], Any]) -> Any:
    end = time.monotonic() + SECONDS
    while not (found := seen()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """In a folder whose path is longer than an address may be."""
    process = subprocess.Popen([sys.executable, "-P", "-c", SERVES, str(place_in(tmp_path))], start_new_session=True)
    eventually(place_in(tmp_path).exists)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def place_in(folder: Path) -> Path:
    place = folder / ("deep" * 30) / "runs.sock"
    place.parent.mkdir(exist_ok=True)
    return place


def started(folder: Path, todo: str) -> subprocess.Popen[str]:
    command = forkserver_standin.command(str(place_in(folder)), INSTEAD)
    environment = {**os.environ, "TODO": todo, "SAID": "this"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def first_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stderr
    told: dict[str, Any] = json.loads(process.stderr.readline())
    return told


@pytest.mark.parametrize(
    ("todo", "code"), [("pass", 0), ("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", -9), ("1 / 0", 1)]
)
def test_it_has_the_surroundings_and_the_end_of_what_it_stands_for(
    serving: subprocess.Popen[bytes], tmp_path: Path, todo: str, code: int
) -> None:
    process = started(tmp_path, todo)
    said, told = process.communicate(timeout=SECONDS)
    found = json.loads(told.splitlines()[0])
    assert (found["parent"], found["folder"], found["said"]) == (serving.pid, str(tmp_path), "this")
    assert (process.returncode, said) == (code, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_it_is_sent_is_passed_on(serving: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals) -> None:
    todo = f"import signal; signal.signal({number.value}, lambda *_: sys.exit(3)); print(flush=True)"
    todo += "\nwhile True: time.sleep(0.1)"
    process = started(tmp_path, todo)
    first_line(process)
    assert process.stderr
    assert process.stderr.readline() == "\n"  # the fork is ready for it
    process.send_signal(number)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 3


def test_what_ends_by_a_signal_is_seen_to(serving: subprocess.Popen[bytes], tmp_path: Path) -> None:
    process = started(tmp_path, "time.sleep(60)")
    first_line(process)
    process.terminate()
    process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGTERM


def test_who_kills_it_kills_what_it_stands_for(serving: subprocess.Popen[bytes], tmp_path: Path) -> None:
    process = started(tmp_path, "time.sleep(60)")
    pid = first_line(process)["pid"]
    process.kill()
    process.communicate(timeout=SECONDS)
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_it_ends_with_what_it_was_forked_from(serving: subprocess.Popen[bytes], tmp_path: Path) -> None:
    process = started(tmp_path, "time.sleep(60)")
    first_line(process)
    serving.kill()
    process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGKILL


def test_where_nothing_can_be_forked_it_becomes_the_command(tmp_path: Path) -> None:
    process = started(tmp_path, "pass")
    assert process.communicate(timeout=SECONDS) == ("none was forked\n", "")
    place_in(tmp_path).touch()  # and where the socket is none
    process = started(tmp_path, "pass")
    assert process.communicate(timeout=SECONDS) == ("none was forked\n", "")
    assert process.returncode == 0


def test_it_needs_none_of_what_it_spares() -> None:
    asked = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); print('counterpoint' in sys.modules, 'site' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", asked, forkserver_standin.__file__],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False False\n"
