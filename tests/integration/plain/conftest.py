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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        command = [sys.executable, "-P", "-m", "counterpoint", *words, "--env", "prod", "--json"]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return json.loads(done.stdout)

    @contextmanager
    def server(self, *command: str, log: str) -> Iterator[subprocess.Popen[bytes]]:
        """A server of the orchestrator, with all that it starts; all are ended afterwards."""
        with (self.folder / f"{log}.log").open("wb") as file:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=file, stderr=file, start_new_session=True
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
