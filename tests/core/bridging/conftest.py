"""A server that answers as an Airflow 3.3.2 and a Dagster 1.13.27 did, recorded in `answers.json`.

Of these the token and the login that is refused were not recorded.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest

from counterpoint.bridging import airflow as asking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

HERE = Path(__file__).parent
ANSWERS: dict[str, Any] = json.loads((HERE / "answers.json").read_text(encoding="utf-8"))


class Asked(NamedTuple):
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Harbour:
    """What was asked, and what is answered at a path: a status and a value, or several, one after the other."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, list[tuple[int, Any]]] = {}
        self.answer("/auth/token", ANSWERS["token"], 201)
        harbour = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                headers = {name.lower(): value for name, value in self.headers.items()}
                harbour.asked.append(Asked(parts.path, dict(parse_qsl(parts.query)), headers, body))
                left = harbour.answers.get(parts.path) or [(404, {"detail": "Not Found"})]
                status, value = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", value)
                self.end_headers()
                self.wfile.write(json.dumps(value).encode())

            do_POST = do_GET  # noqa: N815 - as its base class calls it

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, path: str, value: Any, status: int = 200) -> None:
        """What is answered from now on."""
        self.answers[path] = [(status, value)]

    def then(self, path: str, value: Any, status: int = 200) -> None:
        """What is answered after that."""
        self.answers[path].append((status, value))

    def asked_at(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]


@pytest.fixture
def answers() -> dict[str, Any]:
    return json.loads(json.dumps(ANSWERS))


@pytest.fixture
def harbour(monkeypatch: pytest.MonkeyPatch) -> Iterator[Harbour]:
    made = Harbour()
    for side in ("AIRFLOW", "DAGSTER"):
        monkeypatch.setenv(f"COUNTERPOINT_{side}_URL", f"{made.url}/")
        for part in ("TOKEN", "USER", "PASSWORD"):
            monkeypatch.delenv(f"COUNTERPOINT_{side}_{part}", raising=False)
    asking._token.cache_clear()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def importable(on_path: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    with on_path(str(HERE)):
        yield
