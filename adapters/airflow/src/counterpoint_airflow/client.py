"""The REST client of an API server, with paging, and with retries where they help."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from counterpoint.http import NO_RETRIES, Access, Retries, ask

if TYPE_CHECKING:
    from counterpoint.target import Target

# while the database is locked, the server answers with any status from 500 on
_LOCKED = Retries((1.0, 5.0, 10.0), busy=range(500, 600))


def call(
    target: Target, path: str, body: Any = None, *, method: str | None = None, retries: Retries = NO_RETRIES
) -> Any:
    """The answer of the REST API.

    Args:
        target: The server that is asked.
        path: The path below `/api/v2`.
        body: The JSON body; None: a GET without a body.
        method: The HTTP method, where the body alone does not tell it.
        retries: When to repeat the call; by default never, because the caller decides that.

    Raises:
        ServiceError: the server does not answer, or refuses.
    """
    url, access = target.url(), target.access
    token = access.token or (_token(url, access, retries) if access.user else "")
    lets_in = Access(token=token, ca=access.ca)
    return ask(f"{url}/api/v2{path}", body, method=method, credentials=lets_in, retries=retries)


def change(target: Target, path: str, body: Any) -> None:
    """Sends an idempotent PATCH, which is repeated while the database is locked.

    Raises:
        ServiceError: the server does not answer in time, or refuses.
    """
    call(target, path, body, method="PATCH", retries=_LOCKED)


@cache
def _token(url: str, access: Access, retries: Retries) -> str:
    login = {"username": access.user, "password": access.password}
    return str(ask(f"{url}/auth/token", login, retries=retries, credentials=Access(ca=access.ca))["access_token"])


def rows_of(target: Target, path: str, kind: str = "task_instances") -> list[dict[str, Any]]:
    """All rows of a collection, read page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        page = call(target, f"{path}{'&' if '?' in path else '?'}limit=100&offset={len(rows)}")
        rows += page[kind]
        if len(rows) >= page["total_entries"] or not page[kind]:
            return rows
