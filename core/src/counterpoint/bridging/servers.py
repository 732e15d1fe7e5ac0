"""Servers of other orchestrators: their addresses and secrets are variables of the environment."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from counterpoint.errors import ServiceError, UnansweredError, UsageError
from counterpoint.redaction import redacted

SUFFIX = "_URL"
_SECONDS = 20
_FAILED_ITSELF = 500


@dataclass(frozen=True, slots=True)
class Server:
    """An orchestrator's API at `url`; `variable` begins the names of the variables that hold its secrets."""

    url: str
    variable: str
    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)


def server_of(url_variable: str, url: str | None = None) -> Server:
    """The server whose address a variable `NAME_URL` holds, or that is given as `url`.

    `NAME_TOKEN`, or `NAME_USER` and `NAME_PASSWORD`, are how it lets us in, where it asks.

    Raises:
        UsageError: the variable is not set, or holds no address.
    """
    address, name = url or os.environ.get(url_variable, ""), url_variable.removesuffix(SUFFIX)
    if not address:
        raise UsageError(f"{url_variable} is not set: give it the address of the server, such as https://host:8080")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise UsageError(
            f"{redacted(address)!r} ({url_variable}) is no address: write http(s)://host:port, and who may enter into"
            f" {name}_TOKEN, or {name}_USER and {name}_PASSWORD"
        )
    secrets = {part: os.environ.get(f"{name}_{part.upper()}", "") for part in ("token", "user", "password")}
    return Server(address.rstrip("/"), name, **secrets)


def ask(url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """What a server answers, from JSON; a `body` is sent as JSON, by POST.

    Raises:
        UnansweredError: it does not answer now, failed itself, or answers something else than JSON.
        ServiceError: it refuses; `__cause__` has the status as `code`.
    """
    place, data = url.partition("?")[0], None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", "Accept": "application/json"})
    for name, value in (headers or {}).items():
        request.add_unredirected_header(name, value)  # who is redirected to gets no secret of ours
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        text = redacted(error.read().decode(errors="replace")[:200])
        kind = UnansweredError if error.code >= _FAILED_ITSELF else ServiceError
        raise kind(f"{place} refused: {error.code} {text}") from error
    except (OSError, ValueError) as error:
        raise UnansweredError(f"{place} does not answer: {error}") from error
