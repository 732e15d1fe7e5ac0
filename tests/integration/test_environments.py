"""A run that a real schedule starts goes by the environment of `up`: settings, variables, tracking, its own secrets."""

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
from counterpoint.model import Configuration, RunRequest
from counterpoint.runtime import find_pipeline
from counterpoint.services.service_environments import running_target
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

pytestmark = [pytest.mark.service, pytest.mark.long, pytest.mark.timeout(900)]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
HERE = Path(__file__).parent
NAME, KEY, PATIENCE = "minutely:minutely", "correct-Horse-Battery-9", 300
REFERENCES = {"airflow": "airflow-connection:vault#extra.key", "dagster": "env:MINUTELY_KEY"}
REFERENCE = REFERENCES.get(ORCHESTRATOR, "prefect-block:minutely-key")
FILE = f"""
[env.prod]
root = "prod"
tracking = "https://mlflow.example"
[env.prod.settings]
word = "of-prod"
[env.prod.secrets]
api_key = "{REFERENCE}"
[env.prod.variables]
MINUTELY_GREETING = "hello"
"""


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, on_path: Callable[[str], AbstractContextManager[None]]
) -> Iterator[Path]:
    """The folder of a project whose services run by `up --env prod`."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "counterpoint.toml").write_text(FILE, encoding="utf-8")
    own = {"airflow": {"AIRFLOW_CONN_VAULT": json.dumps({"conn_type": "generic", "extra": {"key": KEY}})}}
    variables = own.get(ORCHESTRATOR, {"MINUTELY_KEY": KEY} if ORCHESTRATOR == "dagster" else {})
    command = [sys.executable, "-P", "-m", "counterpoint", "up", ORCHESTRATOR, "--env", "prod", "--pipeline", NAME]
    with on_path(str(HERE)):
        environment = {**os.environ, **variables}
        with (folder / "up.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            try:
                until(lambda: process.poll() is not None or running_target(str(folder / "prod"), ORCHESTRATOR))
                assert process.poll() is None, (folder / "up.log").read_text()
                make_block(folder)
                yield folder
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)
    sys.modules.pop("minutely", None)


def until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.5)
    return found


def make_block(folder: Path) -> None:
    if ORCHESTRATOR != "prefect":
        return
    from prefect.blocks.system import Secret
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    from counterpoint_prefect.client import auth_of

    target = running_target(str(folder / "prod"), ORCHESTRATOR)
    assert target is not None
    with temporary_settings({PREFECT_API_URL: f"{target.url()}/api", PREFECT_API_AUTH_STRING: auth_of(target)}):
        Secret(value=KEY).save("minutely-key", overwrite=True)


def succeeded(folder: Path) -> tuple[dict[str, Any], RunRequest] | None:
    """The record and the request of a run that ended well."""
    for path in (folder / "prod" / "runs" / "minutely").glob("*/run.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["status"] == "success":
            kept = json.loads((path.parent / "request.json").read_text(encoding="utf-8"))
            return record, RunRequest.from_json(kept["request"])
    return None


def test_a_scheduled_run_goes_by_the_environment_of_the_command(folder: Path) -> None:
    record, request = until(lambda: succeeded(folder))
    root = str(folder / "prod")
    assert (request.scheduled, record["env"], record["orchestrator"]) == (True, "prod", ORCHESTRATOR)
    wanted = Configuration(
        "prod",
        request.root,
        "https://mlflow.example",
        {"word": "of-prod"},
        {"api_key": REFERENCE},
        {"MINUTELY_GREETING": "hello"},
    )
    assert request.configuration == wanted
    store = Store(root, find_pipeline(NAME))
    entry = store.entry("seen", request.partition)
    assert entry is not None
    assert store.read(entry.reference) == {
        "length": len(KEY),
        "word": "of-prod",
        "MINUTELY_GREETING": "hello",
        "MLFLOW_TRACKING_URI": "https://mlflow.example",
        "COUNTERPOINT_ENV": "prod",
    }


def test_no_file_and_no_log_holds_the_secret(folder: Path) -> None:
    until(lambda: succeeded(folder))
    files = [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert files == []
