"""How the API server of a service environment is asked: by the REST API, page by page, again where that helps."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from counterpoint.http import NEVER, Again, ask, bearer
from counterpoint.service_environment import USER

if TYPE_CHECKING:
    from counterpoint.adapter import ServiceEnvironment

# while the database is locked, the server fails in whichever way it does then
_LOCKED = Again((1.0, 5.0, 10.0), busy=range(500, 600))


def call(
    target: ServiceEnvironment, path: str, body: Any = None, *, method: str | None = None, again: Again = NEVER
) -> Any:
    """What the REST API answers; who asks here asks again where that helps, or says by `again` when it does.

    Raises:
        ServiceError: it does not answer, or refuses.
    """
    credentials = bearer(_token(target.url(), target.password, again))
    return ask(f"{target.url()}/api/v2{path}", body, method=method, credentials=credentials, again=again)


def change(target: ServiceEnvironment, path: str, body: Any) -> None:
    """Changes what may be changed twice, so that it is asked again while the database is locked.

    Raises:
        ServiceError: it does not answer in time, or refuses.
    """
    call(target, path, body, method="PATCH", again=_LOCKED)


@cache
def _token(url: str, password: str, again: Again) -> str:
    return str(ask(f"{url}/auth/token", {"username": USER, "password": password}, again=again)["access_token"])


def rows_of(target: ServiceEnvironment, path: str, kind: str = "task_instances") -> list[dict[str, Any]]:
    """Everything that a collection holds, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        page = call(target, f"{path}{'&' if '?' in path else '?'}limit=100&offset={len(rows)}")
        rows += page[kind]
        if len(rows) >= page["total_entries"] or not page[kind]:
            return rows
