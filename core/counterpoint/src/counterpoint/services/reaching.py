"""The first question to a team's own server: whether it answers, lets us in, and is one that the adapter knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from counterpoint.adapter import Adapter
    from counterpoint.target import DeploymentTarget

_REFUSED = (401, 403)


def reach(adapter: Adapter, target: DeploymentTarget) -> str:
    """The version of the orchestrator that a team's server runs.

    Raises:
        UsageError: the adapter works on no server but those that Counterpoint starts.
        ServiceError: the server does not answer, does not let us in, or is too old; names the table and the fix.
    """
    if not adapter.has_targets:
        raise UsageError(f"{target.place}: {adapter.name} works on the services that Counterpoint starts alone")
    try:
        return adapter.server_version(target)
    except ServiceError as error:
        if error.status in _REFUSED:
            how = f"{'correct' if target.access.headers else 'write'} token, or user and password"
            raise ServiceError(
                f"{target.place}: {target.url()} does not let us in ({error.status}): {how}", error.status
            ) from None
        raise ServiceError(f"{target.place}: url: {error}: correct the address, or start the server") from None
