"""Prefect's own client for the server of a service environment."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError, UnansweredError
from counterpoint.service_environment import USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect.client.orchestration import SyncPrefectClient

    from counterpoint.adapter import ServiceEnvironment

_PAGE = 200
_SERVER_ERROR = 500


def auth_of(target: ServiceEnvironment) -> str:
    """The credentials for a service environment's server, in the form of Prefect's settings."""
    return f"{USER}:{target.password}"


@contextmanager
def client_of(target: ServiceEnvironment) -> Iterator[SyncPrefectClient]:
    """A client of a service environment's server.

    Raises:
        UnansweredError: the server does not answer, or fails itself.
        ServiceError: the server refuses.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    try:
        with (
            temporary_settings({PREFECT_API_URL: f"{target.url()}/api", PREFECT_API_AUTH_STRING: auth_of(target)}),
            get_client(sync_client=True) as client,
        ):
            yield client
    except httpx.HTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", _SERVER_ERROR)
        kind = UnansweredError if status >= _SERVER_ERROR else ServiceError
        raise kind(f"prefect's server at {target.url()} does not answer as expected: {error}") from error


def all_of(read: Callable[..., Any]) -> list[Any]:
    """All items of a collection, read page by page."""
    items: list[Any] = []
    while page := read(limit=_PAGE, offset=len(items)):
        items += page
        if len(page) < _PAGE:
            break
    return items
