"""Prefect's own client for the server of a service environment."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from counterpoint.errors import ServiceError, UnansweredError
from counterpoint.target import DeploymentTarget
from counterpoint_prefect.keys import DEPLOYMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect.client.orchestration import SyncPrefectClient

    from counterpoint.target import Target

_PAGE = 200
_SERVER_ERROR = 500


def auth_of(target: Target) -> str:
    """A user and a password that let us in, in the form of Prefect's settings; empty without."""
    access = target.access
    return f"{access.user}:{access.password}" if access.user else ""


def api_of(target: Target) -> str:
    """The URL of the API: that of a team's server may be given with its path, as Prefect's own settings have it."""
    address = target.url()
    return address if "/api" in urlsplit(address).path else f"{address}/api"


def deployment_of(target: Target) -> str:
    """The name of a pipeline's deployment on a server: on a team's own one that of the environment."""
    return target.env or DEPLOYMENT if isinstance(target, DeploymentTarget) else DEPLOYMENT


@contextmanager
def client_of(target: Target) -> Iterator[SyncPrefectClient]:
    """A client of a server; variables and profiles of Prefect's own let in nowhere here.

    Raises:
        UnansweredError: the server does not answer, or fails itself.
        ServiceError: the server refuses.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_KEY,
        PREFECT_API_SSL_CERT_FILE,
        PREFECT_API_URL,
        temporary_settings,
    )

    settings = {
        PREFECT_API_URL: api_of(target),
        PREFECT_API_AUTH_STRING: auth_of(target) or None,
        PREFECT_API_KEY: target.access.token or None,
        **({PREFECT_API_SSL_CERT_FILE: target.access.ca} if target.access.ca else {}),
    }
    try:
        with (
            temporary_settings(settings),
            get_client(sync_client=True) as client,
        ):
            yield client
    except httpx.HTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", _SERVER_ERROR)
        kind = UnansweredError if status >= _SERVER_ERROR else ServiceError
        raise kind(f"prefect's server at {target.url()} does not answer as expected: {error}", status) from error


def all_of(read: Callable[..., Any]) -> list[Any]:
    """All items of a collection, read page by page."""
    items: list[Any] = []
    while page := read(limit=_PAGE, offset=len(items)):
        items += page
        if len(page) < _PAGE:
            break
    return items
