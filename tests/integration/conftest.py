"""What tests of several parts share: the pipeline `farm`, importable everywhere, and another environment's Airflow."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.cli.environments import python_of
from counterpoint.errors import ServiceError
from counterpoint.http import Access
from counterpoint.target import DeploymentTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    OnPath = Callable[[str], AbstractContextManager[None]]

    Answering = Callable[..., AbstractContextManager[tuple[DeploymentTarget, list[str | None]]]]
    AirflowUp = Callable[[str, int], AbstractContextManager[Callable[[], str]]]

HERE = Path(__file__).parent
FARM = str(HERE.parent / "core" / "backfill")
ANY = "counterpoint.testing.scenarios:linear"


@pytest.fixture(scope="module")
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(FARM):
        yield
    sys.modules.pop("farm", None)


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """The Python of the environment that has Airflow, beside this one."""
    try:
        return python_of("airflow")
    except ServiceError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def airflow_up(airflow_python: Path) -> AirflowUp:
    """Starts Airflow below a root, at a port: it has started when a line comes; it is gone afterwards."""

    @contextmanager
    def up(root: str, port: int) -> Iterator[Callable[[], str]]:
        command = [str(airflow_python), "-m", "counterpoint", "up", "airflow", "--root", root, "--json"]
        command += ["--pipeline", ANY, "--port", f"web={port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
            assert process.stdout
            try:
                yield process.stdout.readline
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)

    return up


@pytest.fixture
def answering(tmp_path: Path) -> Answering:
    """Makes a target of an orchestrator whose server gives some answers by path, and 404 for all others.

    The second part of what it gives are the headers by which somebody came in.
    """

    @contextmanager
    def serving(kind: str, sent: str, answers: dict[str, Any]) -> Iterator[tuple[DeploymentTarget, list[str | None]]]:
        entered: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                entered.append(self.headers["Authorization"])
                answer = answers.get(self.path)
                body = json.dumps(answer).encode()
                self.send_response(404 if answer is None else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the name that the base class calls

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = "[target.team] of counterpoint.toml"
        url, enter = f"http://127.0.0.1:{server.server_port}", lambda: Access(token=sent)
        try:
            yield DeploymentTarget("team", kind, url, str(tmp_path), tmp_path, enter, place, "prod"), entered
        finally:
            server.shutdown()
            server.server_close()

    return serving
