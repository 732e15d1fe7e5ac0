"""StreamRec on the real services of whichever orchestrator is installed here, held against the local runner."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from counterpoint.adapter import find_adapter, find_adapters
from counterpoint.http import ask, basic, bearer
from counterpoint.model import RunRecord, RunRequest, Status
from counterpoint.service_environment import USER
from counterpoint.services import LocalEngine, ServiceEngine, engine_for, home_of
from counterpoint.services.launch import launch, new_run_id
from counterpoint.services.processes import marked
from counterpoint.testing import SCENARIOS
from counterpoint_compare.benchmark_run import database_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from counterpoint.adapter import ServiceEnvironment

    Once = Callable[[str, Callable[[], Any]], Any]

pytestmark = [pytest.mark.service, pytest.mark.torch]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
DATE = "2026-01-07"
SMALL = "synthetic:rows=3000,users=250,items=100,seed=7"
LARGE = "synthetic:rows=24000,users=250,items=100,seed=7"
# what services write that have nothing to do, in three seconds
QUIET_BYTES = 16_384
# a route that reads and one that changes something
READS_AND_CHANGES: dict[str, tuple[tuple[str, Any], ...]] = {
    "airflow": (("/api/v2/dags", None), ("/api/v2/pools", {"name": "mine", "slots": 1})),
    "dagster": (("/server_info", None), ("/graphql", {"query": "{ version }"})),
    "prefect": (("/api/admin/version", None), ("/api/concurrency_limits/", {"tag": "mine", "concurrency_limit": 1})),
}
QUICK = {"retrieval": {"epochs": 1}, "ranking": {"epochs": 1}}


def request(root: Path, orchestrator: str, source: str, pipeline: str = "streamrec") -> RunRequest:
    run_id = new_run_id(pipeline.rpartition(":")[2], DATE, orchestrator)
    config = {"source": source, **QUICK} if pipeline == "streamrec" else {}
    return RunRequest(pipeline, DATE, run_id, str(root), orchestrator, config=config)


def digests(record: RunRecord) -> dict[str, str | None]:
    return {step.name: step.output.digest if step.output else None for step in record.steps}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, once: Once) -> RunRecord:
    def run() -> dict[str, Any]:
        return launch(request(tmp_path_factory.mktemp("local"), "local", SMALL), LocalEngine()).to_dict()

    return RunRecord.from_dict(once("services", run))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def engine(root: Path) -> Iterator[ServiceEngine]:
    with engine_for(ORCHESTRATOR, str(root), ("streamrec",), service=True) as found:
        assert isinstance(found, ServiceEngine)
        yield found
    assert not marked(str(home_of(str(root), ORCHESTRATOR)))


def settled_bytes(home: Path) -> int:
    """The size of the databases once they hardly grow: a server may write what it was told of a run after it."""
    before, now, deadline = 0, database_bytes(home), time.monotonic() + 60
    while now - before > QUIET_BYTES and time.monotonic() < deadline:
        time.sleep(3)
        before, now = now, database_bytes(home)
    return now


@pytest.mark.release  # the page of a comparison has it on each orchestrator (tests/docs/test_report.py)
def test_streamrec_ends_as_on_the_local_runner(engine: ServiceEngine, root: Path, local: RunRecord) -> None:
    record = launch(request(root, ORCHESTRATOR, SMALL), engine)
    assert record.status == local.status == Status.SUCCESS
    assert digests(record) == digests(local)
    assert [(s.name, s.status, s.attempts) for s in record.steps] == [
        (s.name, s.status, s.attempts) for s in local.steps
    ]
    assert len(record.upstream) == len(local.upstream) == 6
    assert record.lineage is not None


@pytest.mark.release
def test_a_second_run_computes_nothing_again(engine: ServiceEngine, root: Path, local: RunRecord) -> None:
    again = launch(request(root, ORCHESTRATOR, SMALL), engine)
    assert digests(again) == digests(local)
    assert {s.name for s in again.steps if not s.reused} <= {"registered_models"}
    assert again.upstream == ()
    # what is reused is told as it was when it was made
    assert again.step("ranking_evaluation").metrics == local.step("ranking_evaluation").metrics != {}
    assert again.step("raw_interactions").details["columns"]["user_id"]["nulls"] >= 0


def test_the_database_sees_references_only(engine: ServiceEngine, root: Path) -> None:
    home, grown, stored = home_of(str(root), ORCHESTRATOR), [], []
    for source in (SMALL, LARGE):
        before = settled_bytes(home)
        asked = replace(request(root, ORCHESTRATOR, source), steps=("raw_interactions", "validated_interactions"))
        outputs = [step.output for step in launch(asked, engine).steps if step.output]
        assert all(len(json.dumps(output.to_dict())) < 600 for output in outputs)
        grown.append(settled_bytes(home) - before)
        stored.append(sum(output.bytes for output in outputs))
    # eight times the events leave no more behind in the orchestrator's own database
    assert stored[1] > 4 * stored[0]
    assert grown[1] < 1.5 * grown[0] + 200_000


def answered(url: str, body: Any = None, login: str = "") -> int:
    """The status of an answer, whatever it is; no redirect is followed."""
    headers = {"Authorization": login} if login else {}
    headers |= {"Content-Type": "application/json"} if body else {"Accept": "text/html"}
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=20)) as connection:
        connection.request("POST" if body else "GET", parts.path, json.dumps(body) if body else None, headers)
        return connection.getresponse().status


def admitted(url: str, body: Any, login: str) -> int:
    """The status of an answer; asked again while the server says that its database is busy."""
    deadline = time.monotonic() + 60
    while (status := answered(url, body, login)) == HTTPStatus.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
        time.sleep(1)
    return status


def test_nobody_enters_without_the_sites_password(engine: ServiceEngine) -> None:
    target = engine.target
    right = bearer(_token(target)) if ORCHESTRATOR == "airflow" else basic(USER, target.password)
    wrong = basic(USER, target.secret), bearer(target.password), basic("", "")
    for path, body in READS_AND_CHANGES[ORCHESTRATOR]:
        refused = [answered(target.url() + path, body, given.get("Authorization", "")) for given in ({}, *wrong)]
        assert set(refused) <= {401, 403}, (path, refused)
        assert admitted(target.url() + path, body, right["Authorization"]) in {200, 201, 409}, path


def _token(target: ServiceEnvironment) -> str:
    return str(ask(f"{target.url()}/auth/token", {"username": USER, "password": target.password})["access_token"])


def test_the_page_answers(engine: ServiceEngine) -> None:
    target = engine.target
    assert answered(engine.adapter.page(target), login=basic(USER, target.password)["Authorization"]) == 200


def test_the_password_stands_in_its_file_alone(engine: ServiceEngine) -> None:
    target = engine.target
    assert target.password_file.read_text(encoding="utf-8").strip() == target.password
    holding = [
        path for path in target.home.rglob("*") if path.is_file() and target.password.encode() in path.read_bytes()
    ]
    assert {path.name for path in holding} <= {"password", "passwords.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}
    processes = marked(str(target.home))
    assert processes
    assert not [one for one in processes if target.password in " ".join(one.cmdline())]


def test_the_command_leaves_nothing_behind_when_interrupted(tmp_path: Path) -> None:
    words = ["run", "streamrec", "--date", DATE, "--on", ORCHESTRATOR, "--service", "--root", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "counterpoint", *words, "--source", SMALL], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    with process.stderr as said:
        for line in said:
            if "submitted" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = said.read()
    assert process.wait(60) == 130, rest
    assert not marked(str(home_of(str(tmp_path), ORCHESTRATOR)))


@pytest.mark.release  # test_waits.py has services on PostgreSQL, on each orchestrator
def test_the_services_run_on_postgresql(postgres: str, tmp_path: Path) -> None:
    linear = next(scenario for scenario in SCENARIOS if scenario.name == "linear")
    served = f"counterpoint.testing.scenarios:{linear.name}"
    options = {"database": postgres}
    with engine_for(ORCHESTRATOR, str(tmp_path), (served,), service=True, options=options) as engine:
        record = launch(request(tmp_path, ORCHESTRATOR, "", served), engine)
    assert record.status == Status.SUCCESS
    assert {step.attempts for step in record.steps} == {1}
    assert not [path for path in home_of(str(tmp_path), ORCHESTRATOR).rglob("*.db") if path.stat().st_size > 100_000]


def test_the_adapter_is_found_by_its_entry_point() -> None:
    names = {entry.name for entry in entry_points(group="counterpoint.adapters")}
    assert ORCHESTRATOR in names
    assert find_adapter(ORCHESTRATOR).name == ORCHESTRATOR
