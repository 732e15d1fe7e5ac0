"""A team's own Prefect server: what runs there, its pools, limits and deployments are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.runtime import find_pipeline
from counterpoint.service_environment import SITE
from counterpoint.services.processes import MARK
from counterpoint.services.service_environments import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.prefect

SECONDS = 120


@contextmanager
def server(home: Path) -> Iterator[dict[str, str]]:
    """A Prefect server as a team has it; yields the environment of its clients."""
    port = free_port()
    theirs = {
        "PREFECT_HOME": str(home),
        "PREFECT_UI_STATIC_DIRECTORY": str(home / "ui"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = (home / "server.log").open("wb")
    with log, subprocess.Popen(command, env={**os.environ, **theirs}, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + SECONDS
            while not answers(theirs["PREFECT_API_URL"]):
                assert time.monotonic() < deadline, (home / "server.log").read_text()
                time.sleep(0.5)
            yield theirs
        finally:
            process.terminate()


def answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):
        return True
    return False


def deploy(environment: dict[str, str], *names: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "counterpoint_prefect.deploy", *names]
    return subprocess.run(
        command, env={**os.environ, **environment, **more}, capture_output=True, text=True, check=False, timeout=SECONDS
    )


def seen(client: Any) -> dict[str, Any]:
    return {
        "runs": {run.name: run.state.type.value for run in client.read_flow_runs()},
        "pools": {pool.name: (pool.type, pool.concurrency_limit) for pool in client.read_work_pools()},
        "limits": {limit.name: limit.limit for limit in client.read_global_concurrency_limits()},
        "deployments": {d.name: d.entrypoint for d in client.read_deployments()},
    }


def test_its_runs_pools_and_limits_are_left_alone(tmp_path: Path) -> None:
    from prefect import Flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.states import Running

    flow: Flow[..., Any] = Flow(lambda: None, name="team-billing")
    pool = find_pipeline("streamrec").pools[0]
    home = tmp_path / "services" / "prefect"
    mine = {SITE: "mine", MARK: str(home), "PREFECT_API_DATABASE_CONNECTION_URL": "given"}
    with (
        server(tmp_path) as theirs,
        temporary_settings({PREFECT_API_URL: theirs["PREFECT_API_URL"]}),
        get_client(sync_client=True) as client,
    ):
        client.create_flow_run(flow, name="theirs", state=Running())
        client.create_work_pool(WorkPoolCreate(name="counterpoint", type="docker", concurrency_limit=9))
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=pool.name, limit=7))
        before = seen(client)

        alone = deploy(theirs, "streamrec")
        assert (alone.returncode, "nothing was changed" in alone.stderr) == (2, True)
        assert seen(client) == before

        done = deploy(theirs, "streamrec", **mine)
        assert done.returncode == 0, done.stderr
        assert f"pool {pool.name} was not made by Counterpoint and stays as it is: 7 slots" in done.stderr
        after = seen(client)
        assert after["runs"] == {"theirs": "RUNNING"}
        assert after["pools"] == {**before["pools"], "counterpoint-mine": ("process", 2)}
        assert after["limits"][pool.name] == 7

        ours = client.read_deployment_by_name("streamrec/counterpoint")
        client.create_flow_run_from_deployment(ours.id, name="ours", state=Running())
        tell_crashed = "from counterpoint_prefect.lost import tell_crashed; tell_crashed()"  # as our worker does first
        subprocess.run([sys.executable, "-c", tell_crashed], env={**os.environ, **theirs, **mine}, check=True)
        assert seen(client)["runs"] == {"theirs": "RUNNING", "ours": "CRASHED"}

        client.delete_deployment(ours.id)
        (flow_id,) = {run.flow_id for run in client.read_flow_runs() if run.name == "ours"}
        client.create_deployment(flow_id, "counterpoint", entrypoint="theirs.py:flow")
        refused = deploy(theirs, "streamrec", **mine)
        assert (refused.returncode, "'streamrec/counterpoint' of this server was not made" in refused.stderr) == (
            2,
            True,
        )
