"""The service from which a target's steps are forked, and the libraries that a step finds imported there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from counterpoint.errors import StepKilledError
from counterpoint.runtime import Attempt, execute_in_child
from counterpoint.runtime.forkserver import ASLEEP
from counterpoint.runtime.forkserver_client import STEPS, command_of_service, served
from counterpoint.runtime.preload_cache import PRELOAD, PRELOADED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Toys

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the service of steps is for Linux")
SECONDS = 30


def eventually(seen: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := seen()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def told(toys: Toys, step: str = "surroundings", **config: Any) -> dict[str, Any]:
    request = toys.request("forked", run_id="run", force=True, config=config)
    value: dict[str, Any] = toys.store(request).read(execute_in_child(Attempt(request, step, {})))
    return value


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """In a folder whose path is longer than an address may be."""
    place = tmp_path / ("deep" * 30) / "steps.sock"
    place.parent.mkdir()
    process = subprocess.Popen(command_of_service(place), start_new_session=True)
    eventually(place.exists)
    monkeypatch.setenv(STEPS, str(place))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_each_process_of_the_site_is_served_with_its_own_surroundings(
    service: subprocess.Popen[bytes], toys: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = told(toys)
    monkeypatch.setenv("TOYS_SAID", "later")
    monkeypatch.chdir(tmp_path)
    then = told(toys)
    assert first["parent"] == then["parent"] == service.pid
    assert first["pid"] != then["pid"]
    assert (first["said"], then["said"], then["folder"]) == ("", "later", str(tmp_path))


def test_only_its_owner_may_ask(service: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (place,) = tmp_path.glob("*/steps.sock")
    assert place.stat().st_mode & 0o777 == 0o600


ASK = """
import os, socket, sys
folder, error = os.open(sys.argv[1], os.O_RDONLY), os.open(os.devnull, os.O_RDWR)
os.setuid(int(sys.argv[2]))
asking, (mine, theirs) = socket.socket(socket.AF_UNIX), socket.socketpair()
asking.connect(f"/proc/self/fd/{folder}/steps.sock")
try:
    socket.send_fds(asking, [b"o"], [theirs.fileno(), error, error])
except OSError:
    pass  # it has closed already
theirs.close()
mine.settimeout(20)
print(mine.recv(100).decode().partition(" ")[0])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("user", "heard"), [(0, "process"), (65534, "")])
def test_another_user_is_not_served_where_the_socket_lets_him_in(
    service: subprocess.Popen[bytes], tmp_path: Path, user: int, heard: str
) -> None:
    """A file system that keeps no modes, or a careless chmod, must not hand out this user's processes."""
    (place,) = tmp_path.glob("*/steps.sock")
    place.chmod(0o666)
    asked = [sys.executable, "-c", ASK, str(place.parent), str(user)]
    assert subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout.strip() == heard


def test_a_library_that_a_step_used_is_there_for_the_next(service: subprocess.Popen[bytes], toys: Toys) -> None:
    assert not told(toys, "needy")["there"]
    found = eventually(lambda: (got := told(toys, "needy"))["there"] and got)
    assert found["parent"] == service.pid


def test_forks_draw_other_numbers_also_when_numpy_was_there(
    service: subprocess.Popen[bytes], toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PRELOAD, "numpy")
    eventually(lambda: told(toys, "needy", library="numpy")["there"])
    assert len({told(toys, "needy", library="numpy")["drawn"] for _ in range(3)}) == 3


def test_nothing_is_imported_where_nothing_is_to_be(
    service: subprocess.Popen[bytes], toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PRELOAD, "")
    assert not any(told(toys, "needy")["there"] for _ in range(4))


def test_what_the_libraries_start_when_they_are_imported_sleeps() -> None:
    code = (
        "import importlib; from counterpoint.runtime.forkserver import threads;"
        f"[importlib.import_module(name) for name in {PRELOADED!r}];"
        "print(*threads(), sep=',')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(filter(None, done.stdout.strip().split(","))) <= ASLEEP


def test_a_library_that_starts_a_thread_ends_the_forking_and_no_step_fails(
    service: subprocess.Popen[bytes], toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PRELOAD, "threaded")
    assert told(toys, "needy", library="threaded")["parent"] == service.pid
    eventually(lambda: served() is None)
    assert told(toys)["parent"] not in {service.pid, os.getpid()}
    assert service.poll() is None


def test_where_it_is_gone_a_process_forks_for_itself(service: subprocess.Popen[bytes], toys: Toys) -> None:
    service.kill()
    service.wait()
    assert told(toys)["parent"] != service.pid


def sleeper(toys: Toys) -> int:
    path = toys.evidence / "sleeper"
    return int(eventually(lambda: path.exists() and path.read_text()))


def test_a_step_ends_with_who_asked_for_it(service: subprocess.Popen[bytes], toys: Toys) -> None:
    asks = (
        "import sys; from counterpoint.model import RunRequest;"
        "from counterpoint.runtime import Attempt, execute_in_child;"
        "execute_in_child(Attempt(RunRequest.from_json(sys.argv[1]), 'sleeps', {}))"
    )
    asker = subprocess.Popen([sys.executable, "-c", asks, toys.request("deadly").to_json()])
    step = psutil.Process(sleeper(toys))
    assert step.ppid() == service.pid
    asker.kill()
    asker.wait()
    eventually(lambda: not step.is_running())
    assert service.poll() is None


def test_when_it_is_killed_so_are_its_steps_and_who_asked_is_told(service: subprocess.Popen[bytes], toys: Toys) -> None:
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(execute_in_child, Attempt(toys.request("deadly"), "sleeps", {}))
        step = psutil.Process(sleeper(toys))
        service.kill()
        with pytest.raises(StepKilledError, match="was killed by signal 9"):
            running.result(SECONDS)
        eventually(lambda: not step.is_running())


def test_asked_to_end_it_waits_for_its_steps(service: subprocess.Popen[bytes], toys: Toys) -> None:
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(execute_in_child, Attempt(toys.request("deadly"), "sleeps", {}))
        step = sleeper(toys)
        service.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            service.wait(1)
        os.kill(step, signal.SIGKILL)
        assert service.wait(SECONDS) == 0
        with pytest.raises(StepKilledError, match="was killed by signal 9"):
            running.result(SECONDS)
