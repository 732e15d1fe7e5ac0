"""The GraphQL client of a service environment's webserver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint.http import ask, basic
from counterpoint.service_environment import USER

if TYPE_CHECKING:
    from counterpoint.adapter import ServiceEnvironment


def graphql(target: ServiceEnvironment, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The data of the webserver's answer to a query.

    Raises:
        ServiceError: the webserver does not answer, or refuses the query.
    """
    credentials = basic(USER, target.password)
    values = ask(f"{target.url()}/graphql", {"query": query, "variables": variables}, credentials=credentials)
    if values.get("errors"):
        raise ServiceError(f"dagster refused a query: {values['errors'][0]['message']}")
    data: dict[str, Any] = values["data"]
    return data
