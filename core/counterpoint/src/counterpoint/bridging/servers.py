"""Servers of other orchestrators: their addresses and secrets are variables of the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from counterpoint.errors import UsageError
from counterpoint.http import address_of

SUFFIX = "_URL"
SECONDS = 20.0


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
    address = address_of(address, url_variable, f"into {name}_TOKEN, or {name}_USER and {name}_PASSWORD")
    secrets = {part: os.environ.get(f"{name}_{part.upper()}", "") for part in ("token", "user", "password")}
    return Server(address, name, **secrets)
