"""Dagster's webserver, which has no login, behind the login of the service environment."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_webserver import app as webserver_app
from dagster_webserver import cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse

from counterpoint.http import basic
from counterpoint.service_environment import USER

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REFUSED = 1008  # close code of a websocket that was never accepted: the browser sees a 403
_ASKS = {"WWW-Authenticate": 'Basic realm="Counterpoint", charset="UTF-8"'}


class Login:
    """Admits requests with the password (HTTP Basic); sets a cookie, because some browsers omit it on websockets."""

    def __init__(self, app: ASGIApp, password: str) -> None:
        self.app = app
        self.header = basic(USER, password)["Authorization"]
        self.cookie = hmac.new(password.encode(), b"cookie", hashlib.sha256).hexdigest()
        # cookies do not depend on the port: two sites must not overwrite each other's
        self.name = f"counterpoint_{self.cookie[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on to Dagster, or refuses it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        known = _same(connection.cookies.get(self.name, ""), self.cookie)
        if known or _same(connection.headers.get("Authorization", ""), self.header):
            await self.app(scope, receive, send if known else self._with_cookie(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _REFUSED})
        else:
            await PlainTextResponse("log in", 401, _ASKS)(scope, receive, send)

    def _with_cookie(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                value = f"{self.name}={self.cookie}; Path=/; HttpOnly; SameSite=Strict"
                MutableHeaders(scope=message).append("Set-Cookie", value)
            await send(message)

        return sending


def _same(sent: str, wanted: str) -> bool:
    """Whether two secrets are equal, compared in constant time."""
    return hmac.compare_digest(sent.encode(), wanted.encode())


class GuardedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's webserver with the login as its first middleware."""

    def build_middleware(self) -> list[Middleware]:
        """The login, then Dagster's own middleware."""
        # DAGSTER_HOME is the home of the service environment
        password = Path(os.environ["DAGSTER_HOME"], "password").read_text(encoding="utf-8").strip()
        return [Middleware(Login, password=password), *super().build_middleware()]


def main() -> None:
    """Runs Dagster's own command with this webserver."""
    webserver_app.DagsterWebserver = GuardedWebserver
    cli.main()
