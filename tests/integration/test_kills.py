"""Killed with no warning, wherever it may be: the services come back, and a second start ends as if undisturbed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapters
from counterpoint.backfill import BackfillRequest, prepare, run_backfill
from counterpoint.runtime import find_pipeline
from counterpoint.services import LocalEngine, ServiceEngine, engine_for
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.adapter import ServiceEnvironment

pytestmark = [pytest.mark.usefixtures("importable"), pytest.mark.service, pytest.mark.long, pytest.mark.timeout(1200)]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
# what runs steps, and what answers
WORKER = {"airflow": "scheduler", "dagster": "code-server", "prefect": "worker"}[ORCHESTRATOR]
SERVER = {"airflow": "api-server", "dagster": "webserver", "prefect": "server"}[ORCHESTRATOR]
FIRST, LAST = "2026-01-03", "2026-01-08"
PATIENCE = 300


class Field:
    """A folder with a number a day, a root, and the commands that work on them."""

    def __init__(self, base: Path) -> None:
        self.place, self.root = base / "farm", str(base / "data")
        (self.place / "days").mkdir(parents=True)
        for day in range(1, 11):
            (self.place / "days" / f"2026-01-{day:02}.txt").write_text(str(day), encoding="ascii")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        common = ("--on", ORCHESTRATOR, "--service", "--root", self.root, "--set", "pause=3.0")
        command = [sys.executable, "-m", "counterpoint", words[0], "farm:harvest", *words[1:], *common]
        return subprocess.Popen([*command, "--set", f'folder="{self.place}"'])

    def working(self, day: str) -> int:
        """The process of a step of a day that is at work."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for found in (self.place / "working").glob(f"{day}.*"):
                pid = int(found.suffix[1:])
                if Path(f"/proc/{pid}").exists():
                    return pid
            time.sleep(0.05)
        raise AssertionError(f"nothing worked on {day}")

    def digests(self) -> dict[tuple[str, str], str]:
        pipeline = find_pipeline("farm:harvest").configured({"folder": str(self.place)})
        stores = (Store(self.root, pipeline, version) for version in ("v2", "production"))
        return {
            (step, key): entry.reference.digest
            for store in stores
            for step in pipeline.step_names
            for key, entry in store.entries(step).items()
        }


def component(target: ServiceEnvironment, name: str) -> int:
    found = json.loads((target.home / "processes.json").read_text(encoding="utf-8"))["processes"]
    return int(found[name]["pid"])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    field = Field(tmp_path_factory.mktemp("undisturbed"))
    config = {"folder": str(field.place), "pause": 3.0}
    asked = BackfillRequest("farm:harvest", FIRST, LAST, "v2", "local", parallel=8, config=config)
    assert run_backfill(prepare(asked, field.root), LocalEngine())["status"] == "success"
    return field.digests()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Field, Any]]:
    field = Field(tmp_path_factory.mktemp("served"))
    with engine_for(ORCHESTRATOR, field.root, ("farm:harvest",), service=True) as engine:
        assert isinstance(engine, ServiceEngine)
        yield field, engine.target


# a service needs a minute to come back: the gate kills those that are killed most often
RARE = pytest.mark.release
KILLS = [
    ("step", "2026-01-03"),
    pytest.param("worker", "2026-01-04", marks=RARE),
    pytest.param("server", "2026-01-05", marks=RARE),
    # the backfill below is killed by its command
    pytest.param("command", "2026-01-06", marks=RARE),
]


def of_days(digests: dict[tuple[str, str], str], days: set[str]) -> dict[tuple[str, str], str]:
    return {at: digest for at, digest in digests.items() if at[1] in days}


@pytest.mark.parametrize(("what", "day"), KILLS)
def test_a_second_start_completes_a_run(
    served: tuple[Field, Any], undisturbed: dict[tuple[str, str], str], what: str, day: str
) -> None:
    field, target = served
    command = field.start("run", "--date", day)
    worker = field.working(day)
    victims = {"step": worker, "worker": component(target, WORKER), "server": component(target, SERVER)}
    os.kill(victims.get(what, command.pid), signal.SIGKILL)
    code = command.wait(PATIENCE)
    assert code in ((-signal.SIGKILL,) if what == "command" else (0, 1))
    assert field.start("run", "--date", day).wait(PATIENCE) == 0
    assert of_days(field.digests(), {day}) == of_days(undisturbed, {day})


def test_a_second_start_completes_a_backfill(
    served: tuple[Field, Any], undisturbed: dict[tuple[str, str], str]
) -> None:
    field, _ = served
    words = ("backfill", "--from", "2026-01-07", "--to", LAST, "--version", "v2", "--max-parallel", "2")
    command = field.start(*words)
    field.working("2026-01-07")
    command.kill()
    command.wait()
    assert field.start(*words).wait(2 * PATIENCE) == 0
    found, days = field.digests(), {"2026-01-07", LAST}
    assert of_days(found, days) == of_days(undisturbed, days)
    assert found.items() <= undisturbed.items()
