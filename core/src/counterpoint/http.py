"""Speaking JSON to servers by HTTP: what lets us in goes to the server that it was given for, and to no other."""

from __future__ import annotations

import base64
import json
import ssl
import time
import urllib.request
from functools import cache
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from counterpoint.errors import ServiceError, UnansweredError, UsageError
from counterpoint.redaction import is_secret, redacted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECONDS = 60.0
# before what changes nothing is asked for again
_PAUSES = (0.2, 0.8)
_BUSY = frozenset({429, 502, 503, 504})
_FAILED_ITSELF = 500
_TOLD = 500
_PORTS = {"http": 80, "https": 443}
_LOOPBACK = ("localhost", "127.", "::1")


def bearer(token: str) -> dict[str, str]:
    """The header by which a token lets us in."""
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    """The header by which a user and a password let us in."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def address_of(text: str, place: str, instead: str) -> str:
    """An address of a server, without the slash at its end.

    `place` is where it was read, `instead` where what lets us in belongs.

    Raises:
        UsageError: it is none, or holds a user, a password or parameters.
    """
    if not _is_address(text):
        shown = redacted(text.partition("?")[0])
        raise UsageError(f"{shown!r} ({place}) is no address: write http(s)://host:port, and who may enter {instead}")
    return text.rstrip("/")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        good = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return good and not ("@" in parts.netloc or parts.query or parts.fragment)


def origin_of(url: str) -> str:
    """The server of an address, as scheme://host:port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS.get(parts.scheme)}"


def ask(
    url: str,
    body: Any = None,
    *,
    method: str | None = None,
    credentials: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    retries: int = len(_PAUSES),
) -> Any:
    """What a server answers, from JSON; a `body` is sent as JSON, by POST unless `method` says otherwise.

    `credentials` are headers, see `bearer` and `basic`: they are sent to the server of `url` alone, and follow no
    redirect. What is asked for by GET is asked for again, `retries` times at most, when the server is busy or away.

    Raises:
        UnansweredError: it does not answer now, failed itself, or answers something else than JSON.
        ServiceError: it refuses; `status` is its answer's. Or it sends us to another server.
    """
    again = iter(_PAUSES[:retries] if body is None and (method or "GET") == "GET" else ())
    while True:
        try:
            return _ask(url, body, method, credentials or {}, seconds)
        except UnansweredError as error:
            pause = next(again, None)
            if pause is None or error.status not in {None, *_BUSY}:
                raise
            time.sleep(pause)


def _ask(url: str, body: Any, method: str | None, credentials: Mapping[str, str], seconds: float) -> Any:
    place = redacted(url.partition("?")[0])
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data, {"Content-Type": "application/json", "Accept": "application/json"}, method=method
    )
    for name, value in credentials.items():
        request.add_unredirected_header(name, value)
    try:
        with _opener(url, has_secrets=bool(credentials)).open(request, timeout=seconds) as answer:
            return json.load(answer)
    except HTTPError as error:
        kind = UnansweredError if error.code >= _FAILED_ITSELF else ServiceError
        told = redacted(_text(error), _secrets(credentials, body))[:_TOLD]
        raise kind(f"{place} refused: {error.code} {told}", error.code) from None
    except (OSError, HTTPException, ValueError) as error:
        told = redacted(str(error), _secrets(credentials, body))
        raise UnansweredError(f"{place} does not answer: {told}") from None


def _text(error: HTTPError) -> str:
    try:
        with error:
            return error.read(4 * _TOLD).decode(errors="replace")
    except (OSError, HTTPException) as broken:
        return str(broken)


def _opener(url: str, *, has_secrets: bool) -> urllib.request.OpenerDirector:
    """What speaks HTTP and HTTPS alone; a server on this machine is asked directly, whatever proxy there is."""
    near = (urlsplit(url).hostname or "").startswith(_LOOPBACK)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({} if near else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=_tls()) if not near or url.startswith("https") else None,
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(has_secrets=has_secrets),
    ):
        if handler is not None:
            opener.add_handler(handler)
    return opener


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect of what is asked for by GET; with something that lets us in, on the same server alone."""

    def __init__(self, *, has_secrets: bool) -> None:
        self.has_secrets = has_secrets

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The request that follows, or a refusal that names both servers."""
        here, there = origin_of(req.full_url), origin_of(newurl)
        if req.get_method() != "GET" or (self.has_secrets and here != there):
            fp.close()
            raise ServiceError(
                f"{here} redirects to {there}: what lets us in, or is to be changed, is for {here} alone;"
                f" if {there} is the right one, give its address instead",
                code,
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _secrets(credentials: Mapping[str, str], body: Any) -> Iterator[str]:
    """What a server may repeat and nobody is to read."""
    for value in credentials.values():
        yield from (value, value.rpartition(" ")[2])
    if isinstance(body, dict):
        yield from (value for name, value in body.items() if is_secret(name) and isinstance(value, str))
