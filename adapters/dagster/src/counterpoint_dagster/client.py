"""The GraphQL client of a webserver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint.http import ask

if TYPE_CHECKING:
    from counterpoint.target import Target


def graphql(target: Target, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The data of the webserver's answer to a query.

    Raises:
        ServiceError: the webserver does not answer, or refuses the query.
    """
    body = {"query": query, "variables": variables}
    values = ask(f"{target.url()}/graphql", body, credentials=target.access)
    if values.get("errors"):
        raise ServiceError(f"dagster refused a query: {values['errors'][0]['message']}")
    data: dict[str, Any] = values["data"]
    return data
