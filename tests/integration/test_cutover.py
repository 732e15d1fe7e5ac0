"""A pipeline's schedule moves between the real Airflow and the real Dagster, also when a cut-over is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapter, find_adapters
from counterpoint.errors import ServiceError
from counterpoint.model import RunRequest
from counterpoint.runtime import find_pipeline, schedule_ownership
from counterpoint.service_environment import USER
from counterpoint.services import new_target, running_target, serving
from counterpoint.storage import Store
from counterpoint.storage.objects import Objects
from counterpoint.testing import check_schedules
from counterpoint_migrate.validate.legacyairflow import LegacyDag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from counterpoint.adapter import ServiceEnvironment

pytestmark = [pytest.mark.service, pytest.mark.long, pytest.mark.timeout(900)]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
NAME = "lighthouse:lamp"
PATIENCE = 120
# the partition of the newest tick
HOUR = f"{datetime.now(UTC).year - 1}-12-31T23"
# by step, who waits for it
WAITS = {
    "flame": ("airflow", f"flame of {HOUR}, which dagster owns"),
    "beam": ("dagster", f"beam of {HOUR}, which airflow owns"),
}


@pytest.fixture(scope="module", autouse=True)
def importable_here(on_path: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    with on_path(str(Path(__file__).parent)):
        yield
    sys.modules.pop("lighthouse", None)


def until(look: Callable[[], Any], patience: int = PATIENCE) -> Any:
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)
    return found


def test_a_schedule_is_held_then_paused_and_started(tmp_path: Path) -> None:
    adapter = find_adapter(INSTALLED[0])
    target = new_target(adapter, str(tmp_path), (NAME,), schedules=True)
    with serving(adapter, target):
        check_schedules(adapter, target, NAME)
    if adapter.name != "airflow":
        # what ended started does not begin anything when it is held
        with serving(adapter, held := held_target(tmp_path)):
            assert adapter.scheduled(held, NAME) is False
            check_schedules(adapter, held, NAME)


def held_target(root: Path) -> ServiceEnvironment:
    """A new service environment of a root, whose schedules are on and of which one is held."""
    return replace(new_target(find_adapter(INSTALLED[0]), str(root), (NAME,), schedules=True), paused=(NAME,))


@pytest.mark.airflow
@pytest.mark.release
def test_a_paused_dag_refuses_what_it_would_hold_for_ever(tmp_path: Path) -> None:
    adapter, target = find_adapter("airflow"), held_target(tmp_path)
    asked = RunRequest(NAME, "2025-01-01T00", "by-hand", target.root, "airflow")
    with serving(adapter, target):
        assert adapter.scheduled(target, NAME) is False
        with pytest.raises(ServiceError, match="its DAG is paused"):
            adapter.submit(target, asked)
    bare = new_target(adapter, target.root, (NAME,))
    with serving(adapter, bare):
        # where no schedule could begin a run, the pause keeps nobody from one
        assert adapter.submit(bare, asked) == "lamp::by-hand"
        assert adapter.scheduled(bare, NAME) is None
        assert until(lambda: adapter.observe(bare, asked, "lamp::by-hand"))


class Harbour:
    """A root with both orchestrators; commands are those that are typed."""

    def __init__(self, root: Path, name: str = NAME) -> None:
        self.root, self.name = str(root), name
        self.ups: dict[str, subprocess.Popen[str]] = {}

    def start(self, *words: str, **how: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "counterpoint", *words, "--root", self.root]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)

    def migrate(self, *words: str) -> tuple[int, dict[str, Any], str]:
        process = self.start("migrate", words[0], self.name, *words[1:], "--json")
        told, said = process.communicate(timeout=PATIENCE)
        return process.returncode, json.loads(told) if told else {}, said

    def begin(self, orchestrator: str) -> None:
        command = [sys.executable, "-m", "counterpoint", "up", orchestrator]
        command += ["--pipeline", self.name, "--root", self.root]
        with Path(self.root, f"{orchestrator}.log").open("a", encoding="utf-8") as log:
            self.ups[orchestrator] = subprocess.Popen(command, stdout=log, stderr=log, text=True)

    def wait_for(self, orchestrator: str) -> str:
        """Waits until services are up; what was said until then."""
        log = Path(self.root, f"{orchestrator}.log")

        def said() -> str:
            assert self.ups[orchestrator].poll() is None, log.read_text(encoding="utf-8")
            text = log.read_text(encoding="utf-8")
            return text if f"{orchestrator} is up at" in text else ""

        text: str = until(said)
        return text

    def end(self, orchestrator: str) -> None:
        process = self.ups.pop(orchestrator)
        process.send_signal(signal.SIGINT)
        process.wait(60)
        Path(self.root, f"{orchestrator}.log").unlink()

    @property
    def airflow(self) -> LegacyDag:
        """The DAG, as anybody's client of Airflow sees it."""
        target = running_target(self.root, "airflow")
        assert target is not None
        os.environ["HARBOUR_PASSWORD"] = target.password
        os.environ["HARBOUR_USER"] = USER
        return LegacyDag(target.url(), self.name.partition(":")[2], "", "HARBOUR_USER", "HARBOUR_PASSWORD")

    def dagster(self) -> tuple[str, int]:
        """How Dagster says that its schedule is, and how many runs it has."""
        from counterpoint_dagster.client import graphql

        target = running_target(self.root, "dagster")
        assert target is not None
        query = """{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules {
          scheduleState { status } } } } } runsOrError { ... on Runs { count } } }"""
        found = graphql(target, query, {})
        ((schedule,),) = (node["schedules"] for node in found["repositoriesOrError"]["nodes"])
        return schedule["scheduleState"]["status"], found["runsOrError"]["count"]

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.airflow._call("/dagRuns")["dag_runs"]
        return found

    def owned(self) -> tuple[str | None, bool]:
        """Who owns the pipeline, and whether something is pending."""
        seen = schedule_ownership.read(Objects(self.root), "lamp")
        return seen.owner.name if seen.owner else None, seen.pending is not None


@contextmanager
def harbour_of(root: Path, name: str = NAME) -> Iterator[Harbour]:
    found = Harbour(root, name)
    try:
        yield found
    finally:
        for orchestrator in tuple(found.ups):
            found.end(orchestrator)


@pytest.fixture
def harbour(tmp_path: Path, airflow_python: Path) -> Iterator[Harbour]:
    with harbour_of(tmp_path) as found:
        yield found


@pytest.mark.dagster
def test_a_pipeline_is_cut_over_and_rolled_back(harbour: Harbour) -> None:
    # before any service runs it is kept, and takes effect at their start
    code, told, said = harbour.migrate("cutover", "--after", "0")
    assert (code, told["owner"]["name"], told["later"]) == (0, "dagster", ["airflow", "dagster"]), said
    harbour.begin("airflow")
    harbour.begin("dagster")
    assert "lamp stays paused here: dagster owns it" in harbour.wait_for("airflow")
    assert "stays paused" not in harbour.wait_for("dagster")
    # a DAG that was not paused would have begun its newest tick by now
    assert (harbour.airflow.scheduled(), harbour.runs(), harbour.dagster()) == (False, [], ("RUNNING", 0))

    code, told, said = harbour.migrate("rollback")
    assert (code, told["owner"]["name"], told["later"]) == (0, "airflow", []), said
    assert (harbour.airflow.scheduled(), harbour.dagster()) == (True, ("STOPPED", 0))
    # the tick that was missed starts on the winner alone
    (run,) = until(harbour.runs)

    assert harbour.migrate("cutover")[0] == 2, "there is no streak in the ledger"
    code, _, said = harbour.migrate("cutover", "--after", "0")
    assert (code, run["dag_run_id"] in said) == (2, True), said
    assert harbour.owned() == ("airflow", False)
    code, told, said = harbour.migrate("cutover", "--after", "0", "--wait")
    assert (code, told["owner"]["name"]) == (0, "dagster"), said
    assert (harbour.airflow.scheduled(), harbour.dagster()) == (False, ("RUNNING", 0))
    assert [run["state"] for run in harbour.runs()] == ["success"]

    kill_one_in_the_middle(harbour)
    a_side_that_is_down_is_told_at_its_start(harbour)


def kill_one_in_the_middle(harbour: Harbour) -> None:
    """The next command finishes it."""
    process = harbour.start("migrate", "rollback", NAME)
    until(lambda: harbour.owned()[1] or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert harbour.owned() == ("dagster", True)
    code, told, said = harbour.migrate("rollback")
    assert (code, told["owner"]["name"], told["pending"]) == (0, "airflow", None), said
    assert " was killed; it is " in said
    assert (harbour.airflow.scheduled(), harbour.dagster()) == (True, ("STOPPED", 0))


def a_side_that_is_down_is_told_at_its_start(harbour: Harbour) -> None:
    assert harbour.migrate("cutover", "--after", "0", "--wait")[0] == 0
    assert harbour.dagster() == ("RUNNING", 0)
    harbour.end("dagster")
    code, told, said = harbour.migrate("rollback")
    assert (code, told["owner"]["name"], told["later"]) == (0, "airflow", ["dagster"]), said
    assert harbour.airflow.scheduled() is True
    harbour.begin("dagster")
    assert "lamp stays paused here: airflow owns it" in harbour.wait_for("dagster")
    assert harbour.dagster() == ("STOPPED", 0)


@pytest.mark.dagster
@pytest.mark.release
def test_a_step_is_computed_by_its_owner_alone(tmp_path: Path, airflow_python: Path) -> None:
    with harbour_of(tmp_path, "lighthouse:beacon") as harbour:
        assert harbour.migrate("cutover", "--from", "dagster", "--to", "airflow", "--after", "0")[0] == 0
        code, told, said = harbour.migrate("cutover", "flame", "--after", "0")
        assert (code, told["steps"], told["later"]) == (0, {"flame": "dagster"}, ["airflow", "dagster"]), said
        for side in ("airflow", "dagster"):
            harbour.begin(side)
        for side in ("airflow", "dagster"):
            assert "stays paused" not in harbour.wait_for(side)
        assert (harbour.airflow.scheduled(), harbour.dagster()) == (True, ("RUNNING", 0))
        # Airflow begins the tick that it missed, Dagster would at its next
        (run,) = until(harbour.runs)
        begin_as_scheduled(harbour)
        code, _, said = harbour.migrate("cutover", "beam", "--after", "0")
        assert (code, run["dag_run_id"] in said) == (2, True), said
        (seen := Path(harbour.root, "awaited")).mkdir()
        for step, wait in WAITS.items():  # each takes until it was seen that the other side waits
            until(lambda wait=wait: wait in dict(waits(harbour)), 3 * PATIENCE)
            (seen / step).touch()
        both_end_and_each_step_was_computed_once(harbour)

        code, told, said = harbour.migrate("rollback", "flame", "--wait")
        assert (code, told["owner"]["name"], told["steps"]) == (0, "airflow", {}), said
        assert (harbour.airflow.scheduled(), harbour.dagster()[0]) == (True, "STOPPED")


def begin_as_scheduled(harbour: Harbour) -> None:
    """Launches on Dagster what its schedule would: its newest tick is long ago."""
    from counterpoint_dagster.client import graphql
    from counterpoint_dagster.keys import LOCATION

    target = running_target(harbour.root, "dagster")
    assert target is not None
    tags = {"dagster/partition": HOUR, "dagster/schedule_name": "beacon_schedule"}
    where = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
    parameters = {
        "selector": {**where, "pipelineName": "beacon"},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    query = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename } }"""
    assert graphql(target, query, {"p": parameters})["launchPipelineExecution"]["__typename"] == "LaunchRunSuccess"


def waits(harbour: Harbour) -> list[tuple[tuple[str, ...], str | None]]:
    """Who waits for what, and when that ended."""
    store = Store(harbour.root, find_pipeline(harbour.name))
    noted = [store.get_json(path) for path in store.list("runs/beacon") if path.endswith(".waiting.json")]
    return [((one["run_id"].partition("-")[0], *one["for"]), one["ended"]) for one in noted]


def both_end_and_each_step_was_computed_once(harbour: Harbour) -> None:
    store = Store(harbour.root, find_pipeline(harbour.name))

    def told() -> dict[tuple[str, str], dict[str, Any]]:
        paths = [path for path in store.list("runs/beacon") if path.endswith(("oil.json", "flame.json", "beam.json"))]
        paths = [path for path in paths if "/handed/" not in path]
        return {(path.split("/")[2].partition("-")[0], Path(path).stem): store.get_json(path) for path in paths}

    until(lambda: len(told()) == 6, 3 * PATIENCE)
    computed = {name for name, record in told().items() if not record["reused"]}
    assert computed == {("airflow", "oil"), ("dagster", "flame"), ("airflow", "beam")}
    assert {record["status"] for record in told().values()} == {"success"}
    assert sorted(path.name for path in Path(harbour.root, "made").iterdir()) == ["beam.1", "flame.1", "oil.1"]
    assert set(dict(waits(harbour))) >= set(WAITS.values())
    assert all(ended for _, ended in waits(harbour))
    until(lambda: [run["state"] for run in harbour.runs()] == ["success"])
