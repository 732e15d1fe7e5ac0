"""The HTTP client for servers that answer with JSON; credentials go only to the server that they are meant for.

It uses `httpx`, which is imported with the first request. A server's certificate has to be signed by an authority that
the system trusts, or by one in the file `SSL_CERT_FILE` or in the hashed folder `SSL_CERT_DIR`. The proxies are those
of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in upper or lower case; requests to this machine use no proxy. No other
variables count.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from counterpoint.errors import ServiceError, UnansweredError, UsageError
from counterpoint.redaction import is_secret, redacted

if TYPE_CHECKING:
    import ssl
    from collections.abc import Container, Iterator, Mapping

    import httpx

SECONDS = 60.0
_TOO_MANY = 429
_BUSY = frozenset({_TOO_MANY, 502, 503, 504})
_SERVER_ERROR = 500
_MAX_SHOWN = 500
_REDIRECTS = 10
_PORTS = {"http": 80, "https": 443}
# no compression: most servers are on this machine, where it costs more than the transfer
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "counterpoint",
}


class Retries(NamedTuple):
    """The pauses in seconds before each retry of a request without an answer, or with a status in `busy`.

    Use it only for requests that may be executed twice: a server may have executed a request that it did not answer.
    """

    pauses: tuple[float, ...] = (0.2, 0.8)
    busy: Container[int] = _BUSY


NO_RETRIES = Retries(())


def bearer(token: str) -> dict[str, str]:
    """The header for authentication with a token."""
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    """The header for authentication with user and password."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@dataclass(frozen=True, slots=True)
class Access:
    """The credentials for one server, a token or a user and a password, and the authorities that are trusted there.

    `ca` is a file of certificates of authorities that are trusted beside those of the system.
    """

    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers with the credentials; none without credentials."""
        if self.token:
            return bearer(self.token)
        return basic(self.user, self.password) if self.user else {}


def address_of(text: str, place: str, credentials_place: str) -> str:
    """Checks the address of a server.

    Args:
        text: the address.
        place: where it was read, for messages.
        credentials_place: where credentials belong instead, for messages.

    Returns:
        The address without a slash at its end.

    Raises:
        UsageError: the text is not an address, or contains a user, a password or parameters.
    """
    if not _is_address(text):
        shown = redacted(text.partition("?")[0])
        raise UsageError(
            f"{shown!r} ({place}) is no address: write http(s)://host:port, and who may enter {credentials_place}"
        )
    return text.rstrip("/")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_complete = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_complete and not ("@" in parts.netloc or parts.query or parts.fragment)


def origin_of(url: str) -> str:
    """The origin of an address, as scheme://host:port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS.get(parts.scheme)}"


def hush() -> None:
    """Prevents `httpx` from logging the address of each request, unless a log level was set for it."""
    logger = logging.getLogger("httpx")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)


def ask(
    url: str,
    body: Any = None,
    *,
    method: str | None = None,
    credentials: Mapping[str, str] | Access | None = None,
    seconds: float = SECONDS,
    retries: Retries | None = None,
) -> Any:
    """Sends a request and returns the JSON answer of the server.

    Args:
        url: the address.
        body: the body, sent as JSON.
        method: the method; by default POST with a body, else GET.
        credentials: an `Access`, or headers from `bearer` or `basic`; they are sent only to the server of `url`, and
            never to a redirect.
        seconds: the limit for each of connecting, sending, and waiting for the next bytes.
        retries: when the request is repeated; by default only a GET is, at most twice, if the server is busy or away.

    Raises:
        UnansweredError: the server does not answer now, reports a failure of its own, or does not answer with JSON.
        ServiceError: the server refuses the request (`status` is that of its answer), or redirects to another server.
    """
    headers = credentials.headers if isinstance(credentials, Access) else credentials or {}
    route = Route(seconds, credentials.ca if isinstance(credentials, Access) else None)
    retries = retries or (Retries() if body is None and (method or "GET") == "GET" else NO_RETRIES)
    for pause in retries.pauses:
        try:
            return _request(url, body, method, headers, route)
        except UnansweredError as error:
            if error.status is not None and error.status not in retries.busy:
                raise
            time.sleep(pause)
    return _request(url, body, method, headers, route)


class Route(NamedTuple):
    """How a server is reached: the limit in seconds of each step, and a file of further authorities."""

    seconds: float
    ca: str | None = None


def _request(url: str, body: Any, method: str | None, credentials: Mapping[str, str], route: Route) -> Any:
    import httpx

    hush()
    place, secrets = redacted(url.partition("?")[0]), tuple(_secrets(credentials, body))
    data = None if body is None else json.dumps(body).encode()
    try:
        headers = httpx.Headers({**_HEADERS, **credentials}, encoding="latin-1")
        request = httpx.Request(method or ("GET" if data is None else "POST"), url, headers=headers, content=data)
        status, text = _send(request, route, has_secrets=bool(credentials))
        if httpx.codes.is_success(status):
            return json.loads(text)
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, OSError, ValueError) as error:
        raise UnansweredError(f"{place} does not answer: {redacted(str(error), secrets)}") from None
    kind = UnansweredError if status >= _SERVER_ERROR or status == _TOO_MANY else ServiceError
    raise kind(f"{place} refused: {status} {redacted(text.decode(errors='replace'), secrets)[:_MAX_SHOWN]}", status)


def _send(request: httpx.Request, route: Route, *, has_secrets: bool, redirects: int = _REDIRECTS) -> tuple[int, bytes]:
    """The status and body of the answer after redirects; a refusal has only the first bytes of its body."""
    with _client(request.url, route) as client, closing(client.send(request, stream=True)) as response:
        redirect = _redirect_of(response, has_secrets=has_secrets)
        if redirect is None:
            return response.status_code, response.read() if response.is_success else _first_bytes(response)
    if not redirects:
        raise ServiceError(f"{origin_of(str(request.url))} redirects without end", response.status_code)
    return _send(redirect, route, has_secrets=has_secrets, redirects=redirects - 1)


def _redirect_of(response: httpx.Response, *, has_secrets: bool) -> httpx.Request | None:
    """The request that a redirect leads to, without credentials; None if the answer is no redirect.

    Raises:
        ServiceError: the redirect leads to another server, and the request had credentials or was not a GET.
    """
    import httpx

    redirect, request = response.next_request, response.request
    if redirect is None or redirect.url.scheme not in _PORTS:
        return None
    origin, target = origin_of(str(request.url)), origin_of(str(redirect.url))
    if request.method != "GET" or (has_secrets and origin != target):
        raise ServiceError(
            f"{origin} redirects to {target}: credentials and changes are for {origin} alone;"
            f" if {target} is the right one, give its address instead",
            response.status_code,
        )
    return httpx.Request("GET", redirect.url, headers=_HEADERS)


def _first_bytes(response: httpx.Response) -> bytes:
    import httpx

    try:
        return next(response.iter_bytes(4 * _MAX_SHOWN), b"")
    except httpx.HTTPError as error:
        return str(error).encode()


def _client(url: httpx.URL, route: Route) -> httpx.Client:
    """A client for one server, with the certificates and the proxy from the environment; see the module."""
    import httpx

    if url.scheme not in _PORTS:
        raise httpx.UnsupportedProtocol(
            f"{url.scheme or 'an address without a scheme'} is not supported, http and https are"
        )
    return httpx.Client(verify=_tls(url.scheme, route.ca), proxy=_proxy(url), timeout=route.seconds, trust_env=False)


def _proxy(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy for a server; `httpx` itself fails on networks in NO_PROXY such as fd00::/8."""
    from urllib.request import getproxies, proxy_bypass

    import httpx

    address = getproxies().get(url.scheme)
    if not address or _is_local(url.host) or proxy_bypass(url.netloc.decode()):
        return None
    proxy = httpx.URL(address if "://" in address else f"http://{address}")
    return httpx.Proxy(proxy, ssl_context=_tls("https") if proxy.scheme == "https" else None)


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@cache
def _tls(scheme: str, ca: str | None = None) -> ssl.SSLContext:
    import ssl

    if scheme == "https":
        context = ssl.create_default_context()
        if ca:
            context.load_verify_locations(ca)
        return context
    # an empty context, because loading certificates takes time that an unencrypted request does not need
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _secrets(credentials: Mapping[str, str], body: Any) -> Iterator[str]:
    """The secrets of a request, which a server may repeat in its answer."""
    for value in credentials.values():
        yield from (value, value.rpartition(" ")[2])
    if isinstance(body, dict):
        yield from (value for name, value in body.items() if is_secret(name) and isinstance(value, str))
