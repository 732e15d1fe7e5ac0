"""A chat and a mail server that are real, and a file of routes to them."""

from __future__ import annotations

import json
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller

from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Chat:
    """What a webhook got; `status` is what it answers, `answers` is cleared where it is to hang."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.status = 200
        self.answers = threading.Event()
        self.answers.set()
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                chat.answers.wait(30)
                if chat.status == 200:
                    chat.posts.append(body)
                self.send_response(chat.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://{self.place}"

    @property
    def titles(self) -> list[str]:
        return [post["title"] for post in self.posts]


class Mail:
    """What a mail server got, as text."""

    def __init__(self) -> None:
        self.letters: list[str] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        self.letters.append(envelope.content.decode())
        return "250 taken"


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()
    yield made
    made.answers.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def mail() -> Iterator[tuple[Mail, int]]:
    made = Mail()
    with socket.create_server(("127.0.0.1", 0)) as free:  # the controller connects to the port that it is told
        port = free.getsockname()[1]
    controller = Controller(made, hostname="127.0.0.1", port=port)
    controller.start()
    yield made, port
    controller.stop()


@pytest.fixture
def store(tmp_path: Path) -> Objects:
    return Objects(str(tmp_path / "data"))


@pytest.fixture
def routed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the file of routes and names it in the environment."""

    def write(text: str) -> None:
        (tmp_path / "alerts.toml").write_text(text, encoding="utf-8")
        monkeypatch.setenv("COUNTERPOINT_ALERTS", str(tmp_path / "alerts.toml"))

    monkeypatch.delenv("COUNTERPOINT_ALERTS", raising=False)
    return write


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> None:
    """Also what is told in passing."""
    caplog.set_level(logging.DEBUG)
