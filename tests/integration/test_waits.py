"""A step that waits, on the real services: it holds no worker, others get through, and it ends as on this machine.

The services are those of a service environment with a PostgreSQL.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import psutil
import pytest

from counterpoint.adapter import find_adapters
from counterpoint.model import RunRecord, RunRequest, Status
from counterpoint.runtime.schedule_ownership import Owners, Party, keep, now
from counterpoint.runtime.waits import held
from counterpoint.services import LocalEngine, ServiceEngine, engine_for, home_of
from counterpoint.services.launch import launch
from counterpoint.services.processes import marked
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from counterpoint.services.engines import Engine

    OnPath = Callable[[str], AbstractContextManager[None]]

pytestmark = [pytest.mark.service, pytest.mark.long, pytest.mark.timeout(1200)]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
PLACE = str(Path(__file__).parents[1] / "core" / "runtime")
DAY = "2026-01-03"
PATIENCE = 240
# the workers that Airflow keeps, and what Python starts beside the first forked process
IDLE = ("<idle>", "resource_tracker")


@pytest.fixture(scope="module", autouse=True)
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(PLACE):
        yield
    sys.modules.pop("patience", None)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Iterator[ServiceEngine]:
    root = str(tmp_path_factory.mktemp("root"))
    served = ("patience:served", "patience:ingest", "patience:shared")
    with engine_for(ORCHESTRATOR, root, served, service=True, options={"database": postgres}) as found:
        assert isinstance(found, ServiceEngine)
        yield found
        assert not [path for path in found.target.home.rglob("*.db") if path.stat().st_size > 100_000]


def request_of(root: str, pipeline: str, orchestrator: str, **more) -> RunRequest:
    return RunRequest(f"patience:{pipeline}", DAY, f"{pipeline}-{orchestrator}", root, orchestrator, **more)


def through(root: str, orchestrator: str, engine: Engine, run_id: str) -> None:
    request = replace(request_of(root, "ingest", orchestrator, steps=("ingested",)), run_id=run_id, force=True)
    assert launch(request, engine).status is Status.SUCCESS


def begun(request: RunRequest, engine: Engine) -> Future[RunRecord]:
    """A run in a thread that nobody has to wait for, should the test fail before it has ended."""
    future: Future[RunRecord] = Future()

    def run() -> None:
        try:
            future.set_result(launch(request, engine))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def until(holds: Callable[[], object], future: Future[RunRecord], seen: Callable[[], object] = str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert not future.done(), future.result()
        assert time.monotonic() < end, seen()
        time.sleep(0.2)


def finish(root: str, orchestrator: str, engine: Engine) -> RunRecord:
    """A run that waited until a run of another pipeline had got through."""
    request = request_of(root, "served", orchestrator)
    through(root, orchestrator, engine, "first")  # what services start with their first run is there
    standing = processes(root)
    future = begun(request, engine)
    until(lambda: held(request), future)
    noted = held(request)["patient"]
    until(lambda: not processes(root).keys() - standing.keys(), future, lambda: processes(root))
    through(root, orchestrator, engine, "second")
    assert held(request)["patient"]["since"] == noted["since"]
    marker = Path(root, "markers", DAY, "_SUCCESS")
    marker.parent.mkdir(parents=True)
    marker.touch()
    return future.result(PATIENCE)


def processes(root: str) -> dict[int, str]:
    """The processes of the services of a root that are at work, and those that this one started."""
    found = [*marked(str(home_of(root, ORCHESTRATOR))), *psutil.Process().children(recursive=True)]
    at_work = {}
    for process in found:
        with suppress(psutil.Error):
            words = " ".join(process.cmdline())
            if not any(idle in words for idle in IDLE) and process.status() != psutil.STATUS_ZOMBIE:
                at_work[process.pid] = words
    return at_work


def told(record: RunRecord) -> list[tuple[str, str, int, str | None]]:
    return [(s.name, s.status.value, s.attempts, s.output and s.output.digest) for s in record.steps]


def test_a_run_waits_without_a_worker_and_ends_as_on_this_machine(engine: ServiceEngine, tmp_path: Path) -> None:
    there = finish(engine.target.root, ORCHESTRATOR, engine)
    assert there.status is Status.SUCCESS
    assert told(there) == told(finish(str(tmp_path), "local", LocalEngine()))


def test_a_step_of_another_side_is_waited_for_without_a_worker_and_taken(engine: ServiceEngine) -> None:
    root = engine.target.root
    other = next(name for name in ("airflow", "dagster") if name != ORCHESTRATOR)
    owned = Owners(Party(ORCHESTRATOR), now(), steps={"dawn": other})
    keep(Objects(root), "shared", owned)
    request = request_of(root, "shared", ORCHESTRATOR, scheduled=True)
    standing = processes(root)
    future = begun(request, engine)
    until(lambda: held(request), future)
    assert held(request)["dawn"]["for"] == [f"dawn of {DAY}, which {other} owns"]
    until(lambda: not processes(root).keys() - standing.keys(), future, lambda: processes(root))
    theirs = request_of(root, "shared", other, steps=("dawn",))
    assert LocalEngine().run([theirs])
    record = future.result(PATIENCE)
    assert [(s.name, s.status.value, s.reused) for s in record.steps] == [
        ("dawn", "success", True),
        ("dusk", "success", False),
    ]
