"""Services start, are waited for, and leave no process behind, however their owner ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from counterpoint.adapter import Plan, Process, ServiceEnvironment
from counterpoint.cli.up import _watch
from counterpoint.errors import ServiceError, UnansweredError, UsageError
from counterpoint.processes import ProcessId
from counterpoint.service_environment import SITE
from counterpoint.services import ServiceEngine, new_target, running_target, serving, stop_target
from counterpoint.services.process_supervisor import MOST_RESTARTS, PART, part_of
from counterpoint.services.processes import MARK, living, marked, usage
from counterpoint.services.service_environments import home_of, refuse_running, remember
from counterpoint.services.supervisor import ended_of, environment_of, mark_of

SERVER = ("-m", "http.server", "--bind", "127.0.0.1")
# starts a child in a session of its own, as a scheduler does with its workers, and ignores the request to end
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    " subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True);"
    " time.sleep(600)"
)


def answers(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return None
    except OSError as error:
        return f"{url}: {error}"


class FakeAdapter:
    """Not an orchestrator: a web server of the standard library, to test what starts and stops real ones."""

    name, distribution, ports = "airflow", "pip", ("web",)

    def __init__(self, *extra: Process, prepare: tuple[Process, ...] = ()) -> None:
        self.extra, self.prepare = extra, prepare

    def plan(self, target: ServiceEnvironment) -> Plan:
        web = Process("web", (sys.executable, *SERVER, str(target.ports["web"])))
        return Plan((web, *self.extra), lambda: answers(target.url()), self.prepare)


def target_of(adapter: Any, root: Path, **options: Any) -> ServiceEnvironment:
    return new_target(adapter, str(root), ("streamrec",), **options)


def gone(mark: str, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not marked(mark):
            return True
        time.sleep(0.1)
    return False


def test_serves_until_the_block_is_left(tmp_path: Path) -> None:
    adapter = FakeAdapter()
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]
        assert answers(target.url()) is None
        assert running_target(str(tmp_path), "airflow") == target
        assert usage(marked(mark_of(target))).processes >= 1
        with pytest.raises(UsageError, match="counterpoint down airflow"):
            refuse_running(str(tmp_path), "airflow")
    assert not marked(mark_of(target))
    assert running_target(str(tmp_path), "airflow") is None


def test_children_in_sessions_of_their_own_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoint.services.supervisor.STOP_SECONDS", 1.0)
    adapter = FakeAdapter(Process("stubborn", (sys.executable, "-c", STUBBORN)))
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]
        deadline = time.monotonic() + 10
        while len(marked(mark_of(target))) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(marked(mark_of(target))) >= 3
    assert not marked(mark_of(target))


def test_one_that_is_slow_to_end_is_asked_a_second_time(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    code = (
        "import signal, sys, time; from pathlib import Path; heard = Path(sys.argv[1]);"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(heard.write_text('twice')) if heard.read_text()"
        " else heard.write_text('once')); heard.touch(); [time.sleep(0.1) for _ in range(6000)]"
    )
    adapter = FakeAdapter(Process("triggerer", (sys.executable, "-c", code, str(heard)), slow=True))
    with serving(adapter, target_of(adapter, tmp_path)):  # type: ignore[arg-type]
        assert until(heard.exists)
    assert heard.read_text() == "twice"


def test_what_has_overwritten_its_environment_ends_with_what_started_it(tmp_path: Path) -> None:
    sleep = "time.sleep(600)"
    nameless = f"subprocess.Popen([sys.executable, '-c', 'import time; {sleep}'], env={{}})"
    command = (sys.executable, "-c", f"import subprocess, sys, time; {nameless}; {sleep}")
    adapter = FakeAdapter(Process("scheduler", command))
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]

        def started() -> set[int]:
            return {process.pid for process in marked(mark_of(target)) if not process.environ()}

        assert until(started)
        before = started()
        os.kill(
            json.loads((target.home / "processes.json").read_text())["processes"]["scheduler"]["pid"], signal.SIGKILL
        )
        assert until(lambda: started() - before)
        assert not started() & before
    assert not marked(mark_of(target))


def test_a_process_that_ends_is_told_with_its_log(tmp_path: Path) -> None:
    adapter = FakeAdapter(Process("daemon", (sys.executable, "-c", "import sys; sys.exit('no such table: runs')")))
    adapter.plan = lambda target: Plan(FakeAdapter.plan(adapter, target).processes, lambda: "daemon")  # type: ignore[method-assign]
    with (
        pytest.raises(ServiceError, match=r"(?s)the daemon of airflow ended with code 1.*no such table: runs"),
        serving(adapter, target_of(adapter, tmp_path)),  # type: ignore[arg-type]
    ):
        pass
    assert not marked(str(tmp_path / "services" / "airflow"))


def test_one_that_is_hasty_is_started_again_until_what_it_needs_is_there(tmp_path: Path) -> None:
    needs = f"import pathlib, sys, time; pathlib.Path({str(tmp_path / 'up')!r}).exists() or sys.exit('nobody answers')"
    adapter = FakeAdapter(
        Process("worker", (sys.executable, "-c", f"{needs}; time.sleep(600)"), restart_during_startup=True)
    )

    def missing(target: ServiceEnvironment) -> str | None:
        log = target.home / "logs" / "worker.log"
        if log.exists() and "nobody answers" in log.read_text():
            (tmp_path / "up").touch()
        return None if (tmp_path / "up").exists() else "not up yet"

    plan = FakeAdapter.plan
    adapter.plan = lambda target: Plan(plan(adapter, target).processes, lambda: missing(target))  # type: ignore[method-assign]
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]
        assert until(lambda: len(living(PART, part_of(target.id, "worker"))) == 1)
        assert ended_of(adapter, target) is None  # type: ignore[arg-type]


def until(holds: Any, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_a_killed_process_is_started_again_without_what_it_had_started(tmp_path: Path) -> None:
    note = tmp_path / "recovered"
    recover = (sys.executable, "-c", f"open({str(note)!r}, 'a').write('once ')")
    adapter = FakeAdapter(Process("stubborn", (sys.executable, "-c", STUBBORN), recover=recover))
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]

        def started() -> set[int]:
            return {process.pid for process in living(PART, part_of(target.id, "stubborn"))}

        assert until(lambda: len(started()) == 2)
        before = started()
        os.kill(min(before), signal.SIGKILL)
        assert until(lambda: len(started() - before) == 2)
        assert not started() & before, "what it had started is ended with it"
        assert note.read_text(encoding="ascii") == "once "
        assert ended_of(adapter, target) is None  # type: ignore[arg-type]
    assert not marked(mark_of(target))


def test_one_that_ends_again_and_again_is_given_up_and_named(tmp_path: Path) -> None:
    failing = "import sys, time; time.sleep(1.5); sys.exit('disk is full')"
    adapter = FakeAdapter(Process("daemon", (sys.executable, "-c", failing)))
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]
        engine = ServiceEngine(adapter, target)  # type: ignore[arg-type]
        assert until(lambda: ended_of(adapter, target) is not None, 60)  # type: ignore[arg-type]
        with pytest.raises(ServiceError, match=r"(?s)the daemon of airflow ended with code 1.*disk is full"):
            engine.answered(lambda: "anything")
        log = (target.home / "logs" / "daemon.log").read_text(encoding="utf-8")
    assert log.count("started again") == MOST_RESTARTS


def test_a_server_that_is_started_again_is_asked_until_it_answers(tmp_path: Path) -> None:
    adapter = FakeAdapter()
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]
        (web,) = (process for process in living(PART, part_of(target.id, "web")))
        web.kill()
        engine = ServiceEngine(adapter, target)  # type: ignore[arg-type]

        def ask() -> str:
            told = answers(target.url())
            if told:
                raise UnansweredError(told)
            return "here"

        assert engine.answered(ask) == "here"


def test_not_ready_in_time_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoint.services.supervisor.START_SECONDS", 0.5)
    adapter = SimpleNamespace(name="dagster", ports=(), plan=lambda _: Plan((), lambda: "no heartbeat of the daemon"))
    with (
        pytest.raises(ServiceError, match=r"dagster was not ready after 0\.5 s: no heartbeat of the daemon"),
        serving(adapter, target_of(adapter, tmp_path)),  # type: ignore[arg-type]
    ):
        pass


def test_a_preparation_that_fails_is_told_with_its_log(tmp_path: Path) -> None:
    migrate = Process("migrate", (sys.executable, "-c", "import sys; sys.exit('disk is full')"))
    adapter = FakeAdapter(prepare=(migrate,))
    with (
        pytest.raises(ServiceError, match=r"(?s)ended with code 1.*disk is full"),
        serving(adapter, target_of(adapter, tmp_path)),  # type: ignore[arg-type]
    ):
        pass


def test_a_taken_port_is_named_with_the_fix(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=rf"port {port} \(web\).*--port web=N"):
            target_of(FakeAdapter(), tmp_path, ports={"web": port})
    with pytest.raises(UsageError, match="no port 'wbe': it has web"):
        target_of(FakeAdapter(), tmp_path, ports={"wbe": 1})


OWNER = """
import sys, time
sys.path.insert(0, {folder!r})
from test_supervisor import FakeAdapter, target_of, serving
from pathlib import Path
adapter = FakeAdapter()
with serving(adapter, target_of(adapter, Path({root!r}))):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_the_owner_dies(tmp_path: Path, number: signal.Signals) -> None:
    code = OWNER.format(folder=str(Path(__file__).parent), root=str(tmp_path))
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with owner.stdout or pytest.fail("no pipe") as said:
        assert said.readline() == b"up\n"
    mark = str(tmp_path / "services" / "airflow")
    assert marked(mark)
    os.kill(owner.pid, number)
    owner.wait(20)
    assert gone(mark)


def test_down_stops_what_another_command_started(tmp_path: Path) -> None:
    code = OWNER.format(folder=str(Path(__file__).parent), root=str(tmp_path))
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with owner.stdout or pytest.fail("no pipe") as said:
        assert said.readline() == b"up\n"
    home = tmp_path / "services" / "airflow"
    assert stop_target(home)
    assert gone(str(home))
    assert not stop_target(home)
    owner.kill()
    owner.wait()


def test_leftovers_of_a_killed_guardian_are_ended_by_the_next_start(tmp_path: Path) -> None:
    adapter = FakeAdapter()
    target = target_of(adapter, tmp_path)
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env={**os.environ, SITE: target.id},
    )
    while not any(p.pid == left.pid for p in living(SITE, target.id)):
        time.sleep(0.05)
    with serving(adapter, target):  # type: ignore[arg-type]
        left.wait(5)
    assert not psutil.pid_exists(left.pid)


def test_a_number_that_another_process_has_now_is_not_believed(tmp_path: Path) -> None:
    """What a power cut leaves: after the restart, the guardian's number is somebody else's."""
    adapter = FakeAdapter()
    target = target_of(adapter, tmp_path)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        state = {"site": target.id, "guardian": stranger.pid, "ready": True, "stopping": False, "processes": {}}
        mine = ProcessId.of(stranger.pid)
        for started, boot in (
            ("1", mine.boot),
            (mine.started, "another start of the machine"),
            (mine.started, mine.boot),
        ):
            (target.home / "processes.json").write_text(json.dumps({**state, "started": started, "boot": boot}))
            remember(target)
            assert running_target(str(tmp_path), "airflow") is None
            assert not stop_target(target.home)
        with serving(adapter, target):  # type: ignore[arg-type]
            assert answers(target.url()) is None
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_works_in_the_home_but_is_not_the_sites_is_left_alone(tmp_path: Path) -> None:
    adapter = FakeAdapter()
    target = target_of(adapter, tmp_path)
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    others = [
        subprocess.Popen(sleep, cwd=target.home, env={}),
        # as in a container: nothing is known of who began its session
        subprocess.Popen(sleep, cwd=target.home, env={}, start_new_session=True),
        subprocess.Popen(sleep, cwd=target.home, env={**os.environ, SITE: "of-another-machine", MARK: mark_of(target)}),
    ]
    try:
        with serving(adapter, target):  # type: ignore[arg-type]
            pass
        stop_target(target.home)
        assert [other.poll() for other in others] == [None] * 3
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_a_copy_of_a_root_is_another_site(tmp_path: Path) -> None:
    adapter = FakeAdapter()
    with serving(adapter, target_of(adapter, tmp_path / "root")) as target:  # type: ignore[arg-type]
        # the socket of the service environment's steps may be there already, and a socket is no file to copy
        shutil.copytree(tmp_path / "root", tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
        assert running_target(str(tmp_path / "copy"), "airflow") is None
        assert not stop_target(tmp_path / "copy" / "services" / "airflow")
        with serving(adapter, target_of(adapter, tmp_path / "copy")) as copy:  # type: ignore[arg-type]
            assert copy.id != target.id
        assert answers(target.url()) is None
    assert target_of(adapter, tmp_path / "root").id == target.id


@pytest.mark.skipif(sys.platform != "linux", reason="orphans come to the guardian on Linux only")
def test_what_its_processes_leave_behind_is_taken_note_of(tmp_path: Path) -> None:
    """A service that starts short programs for months must not fill the table of processes."""
    orphan = "import os, time; os.fork() and os._exit(0); time.sleep(0.2)"
    code = f"import subprocess, sys, time; [subprocess.run([sys.executable, '-c', {orphan!r}]) for _ in range(3)]"
    adapter = FakeAdapter(Process("busy", (sys.executable, "-c", f"{code}; open('done', 'w'); time.sleep(600)")))
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]
        assert until((target.home / "done").exists)
        guardian = psutil.Process(json.loads((target.home / "processes.json").read_text())["guardian"])
        assert until(lambda: all(child.status() != psutil.STATUS_ZOMBIE for child in guardian.children()), 5)


def test_the_death_of_the_guardian_is_told_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    adapter = FakeAdapter(Process("stubborn", (sys.executable, "-c", STUBBORN)))
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]
        assert until(lambda: len(living(SITE, target.id)) >= 4)
        os.kill(json.loads((target.home / "processes.json").read_text())["guardian"], signal.SIGKILL)
        began = time.monotonic()

        def ask() -> None:
            raise UnansweredError("connection refused")

        with pytest.raises(ServiceError, match="the guardian of airflow .* was killed"):
            ServiceEngine(adapter, target).answered(ask)  # type: ignore[arg-type]
        assert time.monotonic() - began < 10
    assert not living(SITE, target.id)
    assert not (target.home / "processes.json").exists()


USER = """
import sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from test_supervisor import FakeAdapter, answers, target_of
from counterpoint.services.supervisor import sharing
adapter, root = FakeAdapter(), Path({root!r})
with sharing(adapter, str(root), lambda: target_of(adapter, root)) as target:
    print(target.url(), flush=True)
    sys.stdin.read()
    print(answers(target.url()), flush=True)
"""


def user(root: Path) -> subprocess.Popen[str]:
    code = USER.format(folder=str(Path(__file__).parent), root=str(root))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [None, signal.SIGKILL])
def test_two_that_begin_at_once_share_services_which_end_with_the_last(
    tmp_path: Path, number: signal.Signals | None
) -> None:
    first, second = user(tmp_path), user(tmp_path)
    url = said(first)
    assert url
    assert said(second) == url
    if number:
        first.send_signal(number)
    first.communicate(timeout=30)
    assert answers(url) is None
    assert second.communicate(timeout=30)[0] == "None\n"
    assert gone(str(tmp_path / "services" / "airflow"))
    assert answers(url)


def test_one_that_was_killed_while_it_started_services_leaves_the_start_to_the_next(tmp_path: Path) -> None:
    first = user(tmp_path)
    home = tmp_path / "services" / "airflow"
    assert until((home / "processes.json").exists)
    first.kill()
    second = user(tmp_path)
    assert answers(said(second)) is None
    second.communicate(timeout=30)
    first.communicate()
    assert gone(str(home))


def test_the_users_own_home_and_variables_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_MY", "x")
    monkeypatch.setenv("PREFECT_API_URL", "https://elsewhere")
    target = target_of(FakeAdapter(), tmp_path)
    plan = Plan((), lambda: None, environment={"AIRFLOW_HOME": "here"}, without=("PREFECT_API_",))
    found = environment_of(target, plan)
    assert (found["HOME"], found["PREFECT_MY"], found["AIRFLOW_HOME"]) == (str(tmp_path), "x", "here")
    assert "PREFECT_API_URL" not in found
    monkeypatch.setenv("HOME", "/nonexistent")
    assert environment_of(target, plan)["HOME"] == str(target.home)


def test_roots_in_buckets_have_homes_of_their_own() -> None:
    homes = {home_of(root, "airflow") for root in ("s3://one/data", "s3://two/data", "s3://one/data/", "s3://one-data")}
    assert len(homes) == 3


def test_up_ends_when_down_has_stopped_its_services(tmp_path: Path) -> None:
    adapter = FakeAdapter()
    with ThreadPoolExecutor(1) as thread, serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]
        waiting = thread.submit(_watch, adapter, target)  # type: ignore[arg-type]
        assert stop_target(target.home)
        assert waiting.result(10) == 0


def test_up_ends_with_an_error_when_what_holds_its_services_is_killed(tmp_path: Path) -> None:
    adapter = FakeAdapter()
    with serving(adapter, target_of(adapter, tmp_path)) as target:  # type: ignore[arg-type]
        os.kill(json.loads((target.home / "processes.json").read_text())["guardian"], signal.SIGKILL)
        with pytest.raises(ServiceError, match="was killed") as error:
            _watch(adapter, target)  # type: ignore[arg-type]
    assert error.value.exit_code == 3


def test_what_a_preparation_refuses_or_leaves_alone_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    says = "import sys; sys.stderr.write('counterpoint: the pool stays as it is\\n'); sys.exit(int(sys.argv[1]))"
    adapter = FakeAdapter(prepare=(Process("database", (sys.executable, "-c", says, "0")),))
    with caplog.at_level("WARNING", "counterpoint"), serving(adapter, target_of(adapter, tmp_path)):  # type: ignore[arg-type]
        assert "the pool stays as it is" in caplog.messages
    adapter = FakeAdapter(prepare=(Process("database", (sys.executable, "-c", says, "2")),))
    with (
        pytest.raises(UsageError, match=r"^airflow: the pool stays as it is$"),
        serving(adapter, target_of(adapter, tmp_path)),  # type: ignore[arg-type]
    ):
        pass
