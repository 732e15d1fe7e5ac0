"""Speaking JSON to servers by HTTP: what lets us in goes to the server that it was given for, and to no other.

`httpx` speaks; it is imported when something is asked. A server's certificate has to be signed by an authority that the
system trusts, or one in the file that `SSL_CERT_FILE` names or the hashed folder that `SSL_CERT_DIR` names. Proxies are
those of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in capitals or small letters; a server on this machine is asked
directly. No other variables count.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from contextlib import closing
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
_FAILED_ITSELF = 500
_TOLD = 500
_REDIRECTS = 10
_PORTS = {"http": 80, "https": 443}
# compressing costs both sides more than the way does, for most servers are on this machine
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "counterpoint",
}


class Again(NamedTuple):
    """The pauses, in seconds, after which a request is made again while no answer comes, or one of the statuses `busy`.

    Only for what may be done twice: a server that has not answered may have done it all the same.
    """

    pauses: tuple[float, ...] = (0.2, 0.8)
    busy: Container[int] = _BUSY


NEVER = Again(())


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


def hush() -> None:
    """Keeps `httpx` from logging a line for each request, with its address, unless a level was chosen for it."""
    logger = logging.getLogger("httpx")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)


def ask(
    url: str,
    body: Any = None,
    *,
    method: str | None = None,
    credentials: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    again: Again | None = None,
) -> Any:
    """What a server answers, from JSON; a `body` is sent as JSON, by POST unless `method` says otherwise.

    `credentials` are headers, see `bearer` and `basic`: they are sent to the server of `url` alone, and follow no
    redirect. `again` says when it is asked again; unless it is given, only what is asked for by GET is, twice at most,
    when the server is busy or away. `seconds` are for each connecting, sending or waiting for the next bytes.

    Raises:
        UnansweredError: it does not answer now, failed itself, or answers something else than JSON.
        ServiceError: it refuses; `status` is its answer's. Or it sends us to another server.
    """
    again = again or (Again() if body is None and (method or "GET") == "GET" else NEVER)
    for pause in again.pauses:
        try:
            return _ask(url, body, method, credentials or {}, seconds)
        except UnansweredError as error:
            if error.status is not None and error.status not in again.busy:
                raise
            time.sleep(pause)
    return _ask(url, body, method, credentials or {}, seconds)


def _ask(url: str, body: Any, method: str | None, credentials: Mapping[str, str], seconds: float) -> Any:
    import httpx

    hush()
    place, secrets = redacted(url.partition("?")[0]), tuple(_secrets(credentials, body))
    data = None if body is None else json.dumps(body).encode()
    try:
        headers = httpx.Headers({**_HEADERS, **credentials}, encoding="latin-1")
        request = httpx.Request(method or ("GET" if data is None else "POST"), url, headers=headers, content=data)
        status, text = _answer(request, seconds, has_secrets=bool(credentials))
        if httpx.codes.is_success(status):
            return json.loads(text)
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, OSError, ValueError) as error:
        raise UnansweredError(f"{place} does not answer: {redacted(str(error), secrets)}") from None
    kind = UnansweredError if status >= _FAILED_ITSELF or status == _TOO_MANY else ServiceError
    raise kind(f"{place} refused: {status} {redacted(text.decode(errors='replace'), secrets)[:_TOLD]}", status)


def _answer(
    request: httpx.Request, seconds: float, *, has_secrets: bool, redirects: int = _REDIRECTS
) -> tuple[int, bytes]:
    """The status and the body of the answer to which redirects lead; of a refusal's body the beginning."""
    with _client(request.url, seconds) as client, closing(client.send(request, stream=True)) as answer:
        following = _following(answer, has_secrets=has_secrets)
        if following is None:
            return answer.status_code, answer.read() if answer.is_success else _beginning(answer)
    if not redirects:
        raise ServiceError(f"{origin_of(str(request.url))} redirects without end", answer.status_code)
    return _answer(following, seconds, has_secrets=has_secrets, redirects=redirects - 1)


def _following(answer: httpx.Response, *, has_secrets: bool) -> httpx.Request | None:
    """What a redirect leads to, without what lets us in, or None; where we came by that, on the same server alone."""
    import httpx

    following, asked = answer.next_request, answer.request
    if following is None or following.url.scheme not in _PORTS:
        return None
    here, there = origin_of(str(asked.url)), origin_of(str(following.url))
    if asked.method != "GET" or (has_secrets and here != there):
        raise ServiceError(
            f"{here} redirects to {there}: what lets us in, or is to be changed, is for {here} alone;"
            f" if {there} is the right one, give its address instead",
            answer.status_code,
        )
    return httpx.Request("GET", following.url, headers=_HEADERS)


def _beginning(answer: httpx.Response) -> bytes:
    import httpx

    try:
        return next(answer.iter_bytes(4 * _TOLD), b"")
    except httpx.HTTPError as broken:
        return str(broken).encode()


def _client(url: httpx.URL, seconds: float) -> httpx.Client:
    """What speaks HTTP and HTTPS alone, to one server; what stands in the environment is looked up here, see above."""
    import httpx

    if url.scheme not in _PORTS:
        raise httpx.UnsupportedProtocol(
            f"{url.scheme or 'an address without a scheme'} is not spoken, http and https are"
        )
    return httpx.Client(verify=_tls(url.scheme), proxy=_proxy(url), timeout=seconds, trust_env=False)


def _proxy(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy to a server; `httpx` itself would fail at a network in NO_PROXY such as fd00::/8."""
    from urllib.request import getproxies, proxy_bypass

    import httpx

    address = getproxies().get(url.scheme)
    if not address or _is_here(url.host) or proxy_bypass(url.netloc.decode()):
        return None
    proxy = httpx.URL(address if "://" in address else f"http://{address}")
    return httpx.Proxy(proxy, ssl_context=_tls("https") if proxy.scheme == "https" else None)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@cache
def _tls(scheme: str) -> ssl.SSLContext:
    import ssl

    if scheme == "https":
        return ssl.create_default_context()
    # trusts nobody: what is not encrypted need not wait for certificates to be loaded
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _secrets(credentials: Mapping[str, str], body: Any) -> Iterator[str]:
    """What a server may repeat and nobody is to read."""
    for value in credentials.values():
        yield from (value, value.rpartition(" ")[2])
    if isinstance(body, dict):
        yield from (value for name, value in body.items() if is_secret(name) and isinstance(value, str))
