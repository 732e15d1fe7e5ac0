"""A team's own installation: its package as an installer leaves it, its environment, no variable of Counterpoint's."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.errors import ServiceError
from counterpoint.http import ask, bearer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

AIRFLOW_ENDED = {"success", "failed"}
SOURCES = Path(__file__).parent / "src"
CONFIGURATION = """
[env.prod]
root = "lake"
[env.prod.settings]
fields = 2
folder = {folder}
"""


@dataclass
class Team:
    """A team with a project folder, an environment of its servers, and the command `counterpoint`.

    `variables` configure the orchestrator: every process has them, and none has a variable of Counterpoint's.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERPOINT_")}
        paths = [str(self.folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**others, "PYTHONPATH": os.pathsep.join(paths), **self.variables}

    def counterpoint(self, *words: str, code: int = 0) -> Any:
        """The JSON answer of a command, which must end with `code`."""
        return json.loads(self.ended(*words, "--json", code=code).stdout)

    def ended(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """A command that has ended with `code`."""
        command = [sys.executable, "-P", "-m", "counterpoint", *words, "--env", "prod"]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done

    def add_target(self, kind: str, url: str, *lines: str) -> None:
        """Has the environment name a target."""
        path = self.folder / "counterpoint.toml"
        text = path.read_text(encoding="utf-8").replace("[env.prod]", '[env.prod]\ntarget = "team"', 1)
        table = "\n".join(["", "[target.team]", f'kind = "{kind}"', f'url = "{url}"', *lines, ""])
        path.write_text(text + table, encoding="utf-8")

    @contextmanager
    def server(
        self, *command: str, log: str, variables: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A server of the orchestrator, with all that it starts; all are ended afterwards."""
        with (self.folder / f"{log}.log").open("wb") as file:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environment, **(variables or {})},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                for number in (signal.SIGTERM, signal.SIGKILL):
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, number)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(15)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]


class AirflowServer:
    """The team's Airflow, by its REST API."""

    def __init__(self, team: Team, port: int, until: Callable[..., Any]) -> None:
        self.team, self.url, self.until = team, f"http://127.0.0.1:{port}", until
        self.headers: dict[str, str] = {}

    def call(self, path: str, body: Any = None, method: str | None = None) -> Any:
        try:
            return ask(f"{self.url}/api/v2{path}", body, method=method, credentials=self.headers)
        except ServiceError:
            return None

    def log_in(self) -> bool:
        passwords = self.team.folder / "airflow" / "simple_auth_manager_passwords.json.generated"
        if not passwords.exists():
            return False
        try:
            user = {"username": "admin", "password": json.loads(passwords.read_text())["admin"]}
            self.headers = bearer(ask(f"{self.url}/auth/token", user)["access_token"])
        except (ServiceError, ValueError, KeyError):
            return False
        return True

    def ended(self, run: str) -> Any:
        """The run when it has ended."""

        def look() -> Any:
            told = self.call(f"/dags/orchard/dagRuns/{run}")
            return told if told and told["state"] in AIRFLOW_ENDED else None

        return self.until(
            look, 240, lambda: f"{run}: {self.call(f'/dags/orchard/dagRuns/{run}')}\n{self.team.log('airflow')}"
        )

    def story(self, run: str) -> str:
        """The states of a run's tasks, and the ends of their logs."""
        path, lines = f"/dags/orchard/dagRuns/{run}/taskInstances", list[str]()
        for native in self.call(path)["task_instances"]:
            log = self.call(f"{path}/{native['task_id']}/logs/{max(native['try_number'], 1)}") or {}
            lines.append(f"{native['task_id']}: {native['state']}: {json.dumps(log)[-2500:]}")
        return "\n".join(lines)

    def run_by_hand(self, key: str) -> Any:
        """A run that a person starts for a partition."""
        begun = self.call("/dags/orchard/dagRuns", {"partition_key": key, "logical_date": None})
        assert begun, self.team.log("airflow")
        return self.ended(begun["dag_run_id"])


@contextmanager
def airflow_of(team: Team, port: int, until: Callable[..., Any]) -> Iterator[AirflowServer]:
    """A stock `airflow standalone` with the DAG folder of a team, which may hold no file yet."""
    home = team.folder / "airflow"
    (home / "dags").mkdir(parents=True, exist_ok=True)
    scripts = Path(sys.executable).parent
    team.variables |= {
        "AIRFLOW_HOME": str(home),
        "PATH": f"{scripts}:/usr/bin:/bin",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    server = AirflowServer(team, port, until)
    with team.server(str(scripts / "airflow"), "standalone", log="airflow"):
        until(server.log_in, 300, lambda: team.log("airflow"))
        yield server


@pytest.fixture(scope="session")
def stock_airflow(
    free_port: Callable[[], int], until: Callable[..., Any]
) -> Callable[[Team], AbstractContextManager[AirflowServer]]:
    """Starts a stock Airflow for a team."""
    return lambda team: airflow_of(team, free_port(), until)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """The team's folder with its package, installed as a distribution, and its `counterpoint.toml`."""
    folder = tmp_path_factory.mktemp("team")
    described = folder / "site" / "orchard-1.4.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: orchard\nVersion: 1.4.0\nRequires-Dist: counterpoint\n"
    )
    (described / "entry_points.txt").write_text("[counterpoint.pipelines]\norchard = orchard.pipeline:pipeline\n")
    (folder / "site" / "orchard").symlink_to(SOURCES / "orchard")
    (folder / "weather").mkdir()
    text = CONFIGURATION.format(folder=json.dumps(str(folder / "weather")))
    (folder / "counterpoint.toml").write_text(text, encoding="utf-8")
    return Team(folder)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives ports of loopback that nothing listens on."""

    def port() -> int:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return port


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Asks until the answer is true, and gives it."""

    def wait(ask: Callable[[], Any], seconds: float, what: Callable[[], str]) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if answer := ask():
                return answer
            time.sleep(0.5)
        pytest.fail(what())

    return wait
