"""A login for Chromium: a proxy on loopback adds the credentials, because a command line would reveal them."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from counterpoint.http import ask, bearer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.target import Target

_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length"}


def headers(target: Target, orchestrator: str) -> dict[str, str]:
    """The headers with the credentials for a service environment's server."""
    if orchestrator != "airflow":
        return target.access.headers
    token = ask(f"{target.url()}/auth/token", {"username": target.access.user, "password": target.access.password})[
        "access_token"
    ]
    return {**bearer(token), "Cookie": f"_token={token}"}


@contextmanager
def logged_in_proxy(url: str, extra_headers: Mapping[str, str]) -> Iterator[str]:
    """The address of a proxy that adds headers to requests to the server of `url`, and refuses other servers."""
    server = urlsplit(url).netloc

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass(None)

        def do_POST(self) -> None:
            self._pass(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

        def _pass(self, body: bytes | None) -> None:
            target = urlsplit(self.path)
            if target.netloc != server:
                self.send_error(403)
                return
            forwarded = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            with closing(HTTPConnection(server, timeout=60)) as connection:
                path = target._replace(scheme="", netloc="").geturl()
                connection.request(
                    self.command, path, body, {**forwarded, **extra_headers, "Accept-Encoding": "identity"}
                )
                response = connection.getresponse()
                data = response.read()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
