"""What lets us in is sent to the server that it was given for, and to no other."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from counterpoint import http
from counterpoint.errors import ServiceError, UnansweredError, UsageError
from counterpoint.http import NO_RETRIES, Retries, address_of, ask, basic, bearer, origin_of
from counterpoint_migrate.validate.legacyairflow import LegacyDag, airflow_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "PROD-TOKEN-123456"  # noqa: S105 - planted, to be looked for
NOTHING = 0
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


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
                if status == NOTHING:
                    return
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


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """None but those of a test."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


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


def test_on_the_same_server_a_redirect_is_followed_with_nothing_that_lets_us_in(ours: Server) -> None:
    home = {"Location": "/x/", "Set-Cookie": f"session={TOKEN}"}
    ours.answers = [(307, None, home), (200, {"ok": 1}, {})]
    assert ask(f"{ours.url}/x", credentials={**bearer(TOKEN), "Dagster-Cloud-Api-Token": TOKEN}) == {"ok": 1}
    assert [(path, TOKEN in str(headers)) for _, path, headers, _ in ours.asked] == [("/x", True), ("/x/", False)]


def test_redirects_end(ours: Server) -> None:
    ours.answer(302, Location="/x")
    with pytest.raises(ServiceError, match="without end") as caught:
        ask(f"{ours.url}/x")
    assert caught.value.status == 302
    assert not isinstance(caught.value, UnansweredError)
    assert len(ours.asked) == 11


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "ws://127.0.0.1/x", "/x", "http://h:x/"])
def test_http_and_https_are_spoken_alone(url: str) -> None:
    with pytest.raises(UnansweredError, match="does not answer: .*(is not supported|Invalid port)"):
        ask(url, retries=NO_RETRIES)


def test_a_redirect_to_a_file_is_refused(ours: Server) -> None:
    ours.answer(302, Location="file:///etc/passwd")
    with pytest.raises(ServiceError):
        ask(f"{ours.url}/x")
    with pytest.raises(ServiceError, match="refused: 302"):
        ask(f"{ours.url}/x", credentials=bearer(TOKEN))


def test_a_dag_elsewhere_is_neither_asked_nor_paused_by_a_redirect(
    ours: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD_TOKEN", TOKEN)
    dag = LegacyDag(ours.url, "classic", token="OLD_TOKEN")  # noqa: S106 - a name
    ours.answer(302, Location=f"{other.url}/api/v2/dags/classic")
    for call in (dag.scheduled, dag.active_runs, lambda: dag.schedule(on=False)):
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


@pytest.mark.parametrize("end", ["\n", "\r\nX: y", "\u20ac"])
def test_what_cannot_be_sent_is_not_told(ours: Server, end: str) -> None:
    for credentials in (bearer(f"{TOKEN}{end}"), {"Dagster-Cloud-Api-Token": f"{TOKEN}{end}"}):
        with pytest.raises(UnansweredError) as caught:
            ask(f"{ours.url}/x", credentials=credentials, retries=NO_RETRIES)
        assert TOKEN not in repr(caught.value)
    assert ours.asked == []


def test_what_lets_us_in_is_sent_as_it_is(ours: Server) -> None:
    for credentials in (bearer("t\u00f6ken"), basic("ann", "p\u00e4ss:word"), {"Dagster-Cloud-Api-Token": TOKEN}):
        ours.asked.clear()
        ask(f"{ours.url}/x", credentials=credentials)
        ((_, _, headers, _),) = ours.asked
        assert credentials.items() <= headers.items()


def test_an_address_is_sent_as_it_is_written(ours: Server) -> None:
    path = "/dags/a%2Fb%20c%25/~/runs?at=2026-01-01T00%3A00%3A00%2B00%3A00&mask=is_paused&like=%25x*"
    ask(f"{ours.url}{path}")
    assert [asked for _, asked, _, _ in ours.asked] == [path]


def test_of_a_long_refusal_the_beginning_is_told(ours: Server) -> None:
    ours.answer(400, b"x" * 1_000_000)
    with pytest.raises(ServiceError) as caught:
        ask(f"{ours.url}/x")
    assert str(caught.value) == f"{ours.url}/x refused: 400 {'x' * 500}"


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "POST"])
def test_what_may_be_changed_twice_is_asked_for_again(ours: Server, method: str) -> None:
    body, good = None if method == "DELETE" else {"a": 1}, (200, {"ok": 1}, {})
    ours.answers = [(500, "database is locked", {}), (503, None, {}), good]
    assert ask(f"{ours.url}/x", body, method=method, retries=Retries((0.0, 0.0), busy={500, 503})) == {"ok": 1}
    assert [asked for asked, *_ in ours.asked] == [method] * 3
    assert {sent for *_, sent in ours.asked} == {"" if body is None else json.dumps(body)}
    for retries in (None, NO_RETRIES):  # nobody said that it may be
        ours.asked.clear()
        ours.answers = [(503, None, {}), good]
        with pytest.raises(UnansweredError):
            ask(f"{ours.url}/x", body, method=method, retries=retries)
        assert len(ours.asked) == 1


def test_it_is_asked_again_as_often_as_was_said_while_it_is_busy(ours: Server) -> None:
    retries = Retries((0.0, 0.0), busy={500})
    ours.answer(500, "locked")
    with pytest.raises(UnansweredError, match="500 .*locked"):
        ask(f"{ours.url}/x", {}, retries=retries)
    assert len(ours.asked) == 3
    for status in (503, 409):
        ours.asked.clear()
        ours.answer(status, "another reason")
        with pytest.raises(ServiceError, match="another reason"):
            ask(f"{ours.url}/x", {}, retries=retries)
        assert len(ours.asked) == 1


def test_who_gets_no_answer_asks_again(ours: Server) -> None:
    ours.answers = [(NOTHING, None, {}), (200, {"ok": 1}, {})]
    assert ask(f"{ours.url}/x") == {"ok": 1}
    assert len(ours.asked) == 2


def test_who_asked_too_often_asks_again(ours: Server) -> None:
    ours.answers = [(429, None, {}), (200, {"ok": 1}, {})]
    assert ask(f"{ours.url}/x") == {"ok": 1}


def test_what_is_no_json_is_no_answer(ours: Server) -> None:
    ours.answer(200, b"<html>")
    with pytest.raises(UnansweredError, match="does not answer: Expecting value"):
        ask(f"{ours.url}/x", retries=NO_RETRIES)


def test_requests_are_not_logged(ours: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET, "httpx")
    caplog.set_level(logging.INFO)
    ask(f"{ours.url}/x")
    assert [record for record in caplog.records if record.name.startswith("http")] == []
    caplog.set_level(logging.INFO, "httpx")  # who wants them has them
    ask(f"{ours.url}/x")
    assert [record.name for record in caplog.records] == ["httpx"]


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
    assert ask(f"{ours.url.replace('127.0.0.1', 'localhost')}/x", credentials=bearer(TOKEN))
    assert other.asked == []


def test_a_proxy_is_asked_for_what_is_elsewhere(ours: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", ours.url)
    assert ask("http://airflow.example/api?a=1")["is_paused"] is False
    assert [path for _, path, _, _ in ours.asked] == ["http://airflow.example/api?a=1"]


@pytest.mark.parametrize(
    ("none", "url", "proxied"),
    [
        ("", "https://airflow.example/x", True),
        ("", "http://airflow.example/x", False),  # HTTPS_PROXY is for https
        ("", "https://localhost.example/x", True),
        ("", "https://[::1]:8443/x", False),
        ("airflow.example", "https://airflow.example:8443/x", False),
        ("airflow.example:443", "https://airflow.example:8443/x", True),
        (".example", "https://airflow.example/x", False),
        ("*", "https://airflow.example/x", False),
        ("10.0.0.0/8, fd00::/8, [::1]", "https://airflow.example/x", True),
    ],
)
def test_whom_a_proxy_is_for(none: str, url: str, proxied: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", none)
    found = http._proxy(httpx.URL(url))
    assert (found and str(found.url)) == ("http://proxy.example:3128" if proxied else None)


@pytest.mark.parametrize("proxy", ["socks5://ann:pw-98765@p:1", "ftp://ann:pw-98765@p", "http://ann:pw-98765@p:x"])
def test_a_proxy_that_cannot_be_used(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(UnansweredError, match="^http://airflow.example/x does not answer: ") as caught:
        ask("http://airflow.example/x", retries=NO_RETRIES)
    assert "pw-98765" not in str(caught.value)


def test_a_slow_server_does_not_answer(ours: Server) -> None:
    ours.http.RequestHandlerClass.do_GET = lambda _: threading.Event().wait(5)  # type: ignore[attr-defined]
    with pytest.raises(UnansweredError, match="does not answer: timed out"):
        ask(f"{ours.url}/x", seconds=0.2, retries=NO_RETRIES)


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
