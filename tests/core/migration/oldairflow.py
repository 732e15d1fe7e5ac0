"""A server that speaks as much of the REST API of Airflow 3 as pausing one DAG takes: `old one`, of the user ann."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN, PASSWORD = "t0ken", "hunter2"


@contextmanager
def speaking() -> Iterator[Airflow]:
    """The server, while it answers."""
    with Airflow() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


class Airflow(ThreadingHTTPServer):
    """Whether the DAG is paused, and the runs of it that have not ended."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.paused, self.runs = False, list[str]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Airflow

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""

    def answer(self, code: int, value: Any) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def dag(self) -> dict[str, Any]:
        return {"is_paused": self.server.paused, "timetable_summary": "@daily"}

    def is_known(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {TOKEN}" and self.path.startswith("/api/v2/dags/old%20one"):
            return True
        self.answer(401, {"detail": "Invalid JWT token"})
        return False

    def do_POST(self) -> None:
        good = self.path == "/auth/token" and self.body() == {"username": "ann", "password": PASSWORD}
        self.answer(201, {"access_token": TOKEN}) if good else self.answer(401, {"detail": "Invalid credentials"})

    def do_GET(self) -> None:
        if self.is_known():
            runs = {"dag_runs": [{"dag_run_id": name} for name in self.server.runs]}
            self.answer(200, runs if "/dagRuns?" in self.path else self.dag())

    def do_PATCH(self) -> None:
        if self.is_known():
            self.server.paused = self.body()["is_paused"]
            self.answer(200, self.dag())
