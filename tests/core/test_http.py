"""What lets us in is sent to the server that it was given for, and to no other."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.errors import ServiceError, UnansweredError, UsageError
from counterpoint.http import address_of, ask, basic, bearer, origin_of
from counterpoint.migration.legacyairflow import LegacyDag, airflow_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "PROD-TOKEN-123456"  # noqa: S105 - planted, to be looked for


class Server:
    """Answers with what is told it, and notes who asked how."""

    def __init__(self, host: str) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: list[tuple[int, Any, dict[str, str]]] = [(200, {"access_token": "t", "is_paused": False}, {})]
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                server.asked.append((self.command, self.path, dict(self.headers), body))
                status, value, headers = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                self.send_response(status)
                for name, text in headers.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(value if isinstance(value, bytes) else json.dumps(value).encode())

            do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - as its base class calls it

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer((host, 0), Handler)
        self.url = f"http://{host}:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, status: int, value: Any = None, **headers: str) -> None:
        self.answers = [(status, value, headers)]

    def end(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def ours() -> Iterator[Server]:
    server = Server("127.0.0.1")
    yield server
    server.end()


@pytest.fixture(params=["127.0.0.2", "127.0.0.1"])
def other(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Another host, or another port of the same."""
    server = Server(request.param)
    yield server
    server.end()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("credentials", [bearer(TOKEN), basic("ann", TOKEN), {"Dagster-Cloud-Api-Token": TOKEN}])
def test_no_redirect_carries_what_lets_us_in(
    ours: Server, other: Server, status: int, method: str, credentials: dict[str, str]
) -> None:
    ours.answer(status, Location=f"{other.url}/stolen?token={TOKEN}")
    with pytest.raises(ServiceError) as caught:
        ask(f"{ours.url}/x", {"a": 1} if method in {"POST", "PATCH"} else None, method=method, credentials=credentials)
    assert other.asked == []
    assert len(ours.asked) == 1
    assert ours.url in str(caught.value)
    assert other.url in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_body_follows_no_redirect(ours: Server, other: Server) -> None:
    ours.answer(307, Location=f"{other.url}/auth/token")
    with pytest.raises(ServiceError, match="redirects to"):
        ask(f"{ours.url}/auth/token", {"username": "ann", "password": TOKEN})
    assert other.asked == []


def test_what_needs_no_credentials_may_be_elsewhere(ours: Server, other: Server) -> None:
    ours.answer(302, Location=f"{other.url}/there")
    assert ask(f"{ours.url}/x")["is_paused"] is False
    assert [path for _, path, _, _ in other.asked] == ["/there"]


def test_a_redirect_to_a_file_is_refused(ours: Server) -> None:
    ours.answer(302, Location="file:///etc/passwd")
    with pytest.raises(ServiceError):
        ask(f"{ours.url}/x")


def test_a_dag_elsewhere_is_neither_asked_nor_paused_by_a_redirect(
    ours: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD_TOKEN", TOKEN)
    dag = LegacyDag(ours.url, "classic", token="OLD_TOKEN")  # noqa: S106 - a name
    ours.answer(302, Location=f"{other.url}/api/v2/dags/classic")
    for call in (dag.scheduled, dag.going_on, lambda: dag.schedule(on=False)):
        with pytest.raises(ServiceError, match="redirects to"):
            call()
    assert other.asked == []


def test_what_a_server_repeats_is_masked(ours: Server) -> None:
    ours.answer(401, {"detail": f"token {TOKEN} is void", "input": {"password": "pw-98765"}})
    for body in (None, {"username": "ann", "password": "pw-98765"}):
        with pytest.raises(ServiceError) as caught:
            ask(f"{ours.url}/x?token={TOKEN}", body, credentials=bearer(TOKEN))
        assert caught.value.status == 401
        assert "is void" in str(caught.value)
        assert [secret for secret in (TOKEN, "pw-98765") if secret in repr(caught.value)] == []
        assert caught.value.__cause__ is None


def test_only_what_changes_nothing_is_asked_for_again(ours: Server) -> None:
    good = (200, {"ok": 1}, {})
    ours.answers = [(503, None, {}), (502, None, {}), good]
    assert ask(f"{ours.url}/x") == {"ok": 1}
    ours.asked.clear()
    ours.answers = [(503, None, {}), good]
    with pytest.raises(UnansweredError):
        ask(f"{ours.url}/x", {"a": 1})
    assert len(ours.asked) == 1
    ours.asked.clear()
    ours.answer(500, "broken")
    with pytest.raises(UnansweredError, match="500"):
        ask(f"{ours.url}/x")
    assert len(ours.asked) == 1


def test_a_proxy_is_not_asked_for_what_is_here(ours: Server, other: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, other.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert ask(f"{ours.url}/x", credentials=bearer(TOKEN))
    assert other.asked == []


def test_a_slow_server_does_not_answer(ours: Server) -> None:
    ours.http.RequestHandlerClass.do_GET = lambda _: threading.Event().wait(5)  # type: ignore[attr-defined]
    with pytest.raises(UnansweredError, match="does not answer"):
        ask(f"{ours.url}/x", seconds=0.2, retries=0)


@pytest.mark.parametrize(
    "address",
    [
        f"https://ann:{TOKEN}@airflow.example",
        f"https://{TOKEN}@airflow.example",
        f"https://airflow.example?token={TOKEN}",
        f"https://airflow.example#{TOKEN}",
    ],
)
def test_an_address_holds_no_secret(address: str) -> None:
    with pytest.raises(UsageError, match="is no address") as caught:
        airflow_of({"url": address, "dag_id": "d", "token": "OLD_TOKEN"}, "legacy.toml")
    assert "legacy.toml" in str(caught.value)
    if "#" not in address:
        assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("address", ["http://", "ftp://h", "h:80", "http://h:0", "http://h:x", "http://[1"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(UsageError, match="PLACE"):
        address_of(address, "PLACE", "into TOKEN")


def test_a_server_is_scheme_host_and_port() -> None:
    assert origin_of("https://h/x") == origin_of("https://h:443/y?z")
    assert len({origin_of(url) for url in ("http://h/", "https://h/", "https://h:80/", "https://g/")}) == 4
