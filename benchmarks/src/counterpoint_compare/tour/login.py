"""A login for Chromium: a proxy on loopback adds it to what goes to one server, for a command line hides nothing."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from counterpoint.http import ask, basic, bearer
from counterpoint.service_environment import USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.adapter import ServiceEnvironment

_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length"}


def headers(target: ServiceEnvironment, orchestrator: str) -> dict[str, str]:
    """The headers by which a service environment's server lets in."""
    if orchestrator != "airflow":
        return basic(USER, target.password)
    token = ask(f"{target.url()}/auth/token", {"username": USER, "password": target.password})["access_token"]
    return {**bearer(token), "Cookie": f"_token={token}"}


@contextmanager
def letting_in(url: str, added: Mapping[str, str]) -> Iterator[str]:
    """The address of a proxy to the server of `url`, and to no other."""
    server = urlsplit(url).netloc

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass(None)

        def do_POST(self) -> None:
            self._pass(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def log_message(self, *_: object) -> None:
            """Tells nothing."""

        def _pass(self, body: bytes | None) -> None:
            asked = urlsplit(self.path)
            if asked.netloc != server:
                self.send_error(403)
                return
            kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            with closing(HTTPConnection(server, timeout=60)) as connection:
                path = asked._replace(scheme="", netloc="").geturl()
                connection.request(self.command, path, body, {**kept, **added, "Accept-Encoding": "identity"})
                answer = connection.getresponse()
                data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
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
