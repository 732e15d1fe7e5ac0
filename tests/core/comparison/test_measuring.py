"""Rounds of bouts: what they come to, kept so that a second start goes on, and drawn in the colours of the page."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import psutil
import pytest

from counterpoint.cli.parser import parser
from counterpoint.errors import ServiceError, StepError, UsageError
from counterpoint.model import ErrorInfo, RunRecord, Status, StepRecord
from counterpoint.runtime import find_pipeline
from counterpoint.services.processes import MARK, PeakMeter, marked, own_cpu
from counterpoint_compare import rounds
from counterpoint_compare.benchmark_run import _own_cpu, _refuse_failed, database_bytes
from counterpoint_compare.charts import bars, shown, timeline
from counterpoint_compare.cli.compare import run
from counterpoint_compare.figures import figures_of, is_busy, summary
from counterpoint_compare.rounds import rounds_of
from counterpoint_compare.workloads import WORKLOADS, fibonacci

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = ("--workloads", "empty")


BOUT = "counterpoint_compare.benchmark_run"


def one_run(number: int, seconds: float, status: str = "success") -> dict[str, Any]:
    ends = [("00.0", "01.0"), ("01.5", "02.0"), ("02.2", "03.0")]
    steps = [{"step": "a", "started": f"2026-01-01T00:00:{a}", "ended": f"2026-01-01T00:00:{b}"} for a, b in ends]
    told = {"cpu_seconds": 3 * seconds, "peak_memory": 2**20, "database_bytes": 4096}
    return {"workload": "empty", "number": number, "status": status, "seconds": seconds, "steps": steps, **told}


def one_bout(name: str, *runs: dict[str, Any], start: float = 5.0) -> dict[str, Any]:
    idle = {"cpu_seconds_a_minute": 2.0, "memory": 2**29, "processes": 7} if name != "local" else None
    begun = {"seconds": start, "cpu_seconds": 4.0, "database_bytes": 0}
    return {
        "orchestrator": name,
        "version": "1",
        "load": [0.1, 0, 0],
        "others_percent": 0.0,
        "start": begun,
        "idle": idle,
        "runs": list(runs),
    }


def test_a_figure_is_the_median_with_all_its_values() -> None:
    bouts = [
        one_bout("airflow", one_run(1, 9.0), one_run(2, 4.0), one_run(3, 6.0), start=20.0),
        one_bout("local", one_run(1, 2.0), one_run(2, 1.0)),
        one_bout("airflow", one_run(1, 8.0), one_run(2, 5.0), one_run(3, 7.0, "failed"), start=30.0),
    ]
    figures = {figure["name"]: figure["on"] for figure in figures_of(bouts)}
    assert figures["start.seconds"] == {"airflow": summary([20.0, 30.0])}, "the local runner has no services to start"
    assert figures["empty.cold.seconds"]["airflow"]["values"] == [9.0, 8.0]
    # a run that failed is no measure of how long one takes
    assert figures["empty.run.seconds"]["airflow"] == {
        "median": 5.0,
        "low": 4.0,
        "high": 6.0,
        "values": [4.0, 6.0, 5.0],
    }
    assert figures["empty.run.cpu"]["local"]["median"] == 1.0, "of three steps"
    assert figures["empty.gap"]["airflow"]["median"] == pytest.approx(0.35)
    assert set(figures["empty.memory"]) == {"airflow"}
    assert not any(name.startswith("small") for name in figures), "what was not measured is no figure"


def test_a_busy_machine_is_told() -> None:
    assert not is_busy({"others_percent": 12.0})
    assert is_busy({"others_percent": 40.0})


def test_the_workloads_are_what_they_say() -> None:
    sizes = {one.name: one.steps for one in WORKLOADS}
    assert sizes == {one.name: len(find_pipeline(one.reference).steps) for one in WORKLOADS}
    assert sizes == {"empty": 8, "small": 40, "long": 10, "streamrec": 8}
    assert [fibonacci(n) for n in range(9)] == [0, 1, 1, 2, 3, 5, 8, 13, 21]


def here(_: str) -> Path:
    return Path(sys.executable)


def test_what_was_measured_is_kept_and_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rounds_of(("local",), 1, tmp_path, here, WORDS)
    assert [(one["workload"], one["number"], one["status"]) for one in first[0]["runs"]] == [
        ("empty", number, "success") for number in (1, 2)
    ]
    assert all(len(one["steps"]) == 8 and one["seconds"] > 0 and one["cpu_seconds"] > 0 for one in first[0]["runs"])
    held = []

    def hold(command: tuple[str, ...], _kept: Path) -> dict[str, Any]:
        held.append(command[command.index(BOUT) + 1])
        return {"orchestrator": command[command.index(BOUT) + 1]}

    monkeypatch.setattr(rounds, "_run_and_store", hold)
    again = rounds_of(("local",), 2, tmp_path, here, WORDS)
    assert (again[0], held) == (first[0], ["local"]), "the first round stands, the second is held"
    rounds_of(("local",), 1, tmp_path, here, ("--workloads", "small"))
    assert held == ["local", "local"], "what was asked otherwise is measured anew"


def test_what_is_left_is_told_once_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = {"seconds": 0.0}

    def hold(command: tuple[str, ...], _kept: Path) -> dict[str, Any]:
        now["seconds"] += {"local": 6, "airflow": 60, "dagster": 120}[command[command.index(BOUT) + 1]]
        return {}

    monkeypatch.setattr(rounds, "_run_and_store", hold)
    monkeypatch.setattr(rounds.time, "monotonic", lambda: now["seconds"])
    caplog.set_level("INFO")
    rounds_of(("local", "airflow", "dagster"), 2, tmp_path, here, WORDS)
    assert [message.partition("; ")[2] for message in caplog.messages] == [
        "",
        "",
        "about 3 min left",  # dagster, and once more all three: 60 + 6 + 60 + 60, of which one is not known yet
        "about 3 min left",  # 6 + 60 + 120
        "about 3 min left",
        "about 2 min left",
    ]


def test_a_bout_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"benchmark_run nobody .*exited with code \d"):
        rounds_of(("nobody",), 1, tmp_path, here, WORDS)
    assert list(tmp_path.iterdir()) == []


INTERRUPTED = """
import signal, sys
from pathlib import Path
from counterpoint_compare.rounds import rounds_of
from counterpoint.cli.main import _interrupt
signal.signal(signal.SIGTERM, _interrupt)
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts in the background
rounds_of(("local",), 1, Path(sys.argv[1]), lambda _: Path(sys.executable), ("--workloads", "small"))
"""


def test_a_bout_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    asking = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(tmp_path / "kept")], env=environment)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("counterpoint-bout-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    bouts = psutil.Process(asking.pid).children()
    assert bouts
    asking.terminate()
    assert asking.wait(30) != 0
    assert not psutil.wait_procs(bouts, timeout=0)[1], "it was waited for"
    assert not list(tmp_path.glob("counterpoint-bout-*"))
    assert not (tmp_path / "kept").exists()


def test_a_database_is_as_large_as_what_it_holds(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "airflow.db") as connection:
        connection.execute("create table a (b blob)")
        connection.execute("insert into a values (zeroblob(100000))")
    full = database_bytes(tmp_path)
    with sqlite3.connect(tmp_path / "airflow.db") as connection:
        connection.execute("delete from a")
    assert full > 100_000
    assert 0 < database_bytes(tmp_path) < 20_000


def drawn(text: str) -> ET.Element:
    assert set(re.findall(r"#[0-9a-f]{6}", text)) <= {"#000000", "#ffffff"}, "colours are the page's"
    return ET.fromstring(text)  # noqa: S314 - our own


def test_a_bar_is_named_and_labelled() -> None:
    on = {"airflow": summary([2.0, 4.0, 9.0]), "prefect": summary([1.0])}
    text = bars({"name": "x", "title": 'A <b> & "c"', "unit": "s", "on": on})
    found = drawn(text)
    assert found.get("aria-label") == 'A <b> & "c"'
    words = "".join(found.itertext())
    assert all(word in words for word in ("airflow", "prefect", "4 s", "1 s"))
    assert "var(--bar)" in text


def test_a_timeline_shows_every_step_that_ran() -> None:
    def step(name: str, begin: int | None, end: int) -> dict[str, Any]:
        at: Callable[[int], str] = "2026-01-01T00:00:{:02}+00:00".format
        return {"name": name, "started": None if begin is None else at(begin), "ended": at(end)}

    runs = {"local": [step("b", 12, 15), step("a", 10, 12), step("never", None, 0)], "dagster": [step("a", 30, 37)]}
    words = "".join(drawn(timeline(runs, "When")).itertext())
    assert all(word in words for word in ("a 2.0 s", "b 3.0 s", "a 7.0 s", "local", "dagster"))
    assert "never" not in words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "s", "–"),
        (0.12345, "s", "0.123 s"),
        (12.0, "", "12"),
        (1234.5, "CPU s", "1,234 CPU s"),
        (640 * 2**20, "bytes", "640 MB"),
        (1.5 * 2**30, "bytes", "1.5 GB"),
        (1010 * 2**20, "bytes", "1,010 MB"),
        (12, "bytes", "12 B"),
    ],
)
def test_values_are_short(value: float | None, unit: str, words: str) -> None:
    assert shown(value, unit) == words


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--workloads", "empty,huge"), "choose from empty,small,long"), (("--rounds", "-1"), "write 0 or more")],
)
def test_what_cannot_be_measured_is_refused_before_anything_runs(
    options: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counterpoint_compare.runs.compare", lambda *_: pytest.fail("it ran"))
    with pytest.raises(UsageError, match=words):
        run(parser().parse_args(["compare", "streamrec", *options]))


def test_a_workload_that_fails_is_told_with_its_cause() -> None:
    def record(status: Status, error: ErrorInfo | None) -> RunRecord:
        steps = (StepRecord("small_03", status, 1, error=error),)
        return RunRecord("small:small", "run-1", "airflow", "3", "2026-01-01", "production", status, None, None, steps)

    _refuse_failed(record(Status.SUCCESS, None))
    with pytest.raises(StepError, match="step small_03 of run .* failed: OSError: no space left"):
        _refuse_failed(record(Status.FAILED, ErrorInfo("OSError", "no space left")))
    with pytest.raises(StepError, match="and no step of it did"):
        _refuse_failed(record(Status.FAILED, None))


def test_the_cpu_of_a_process_that_is_gone_counts(tmp_path: Path) -> None:
    burn = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass\ntime.sleep(0.5)"
    with PeakMeter(str(tmp_path), every=0.05) as meter:
        before = own_cpu(marked(str(tmp_path)))
        subprocess.run([sys.executable, "-c", burn], env={**os.environ, MARK: str(tmp_path)}, check=True)
        assert 0.5 <= meter.cpu_since(before) < 5


def test_no_two_workloads_have_a_step_of_one_name() -> None:
    names = [name for one in WORKLOADS for name in find_pipeline(one.reference).step_names]
    assert len(names) == len(set(names)), "they are served side by side, and on Dagster a step is an asset"


def test_a_child_that_lives_on_counts_for_the_local_runner() -> None:
    burn = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
    before = _own_cpu()
    with subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        assert _own_cpu() - before >= 0.4
        child.communicate(b"\n")
    assert _own_cpu() - before >= 0.4, "and when it is gone"
