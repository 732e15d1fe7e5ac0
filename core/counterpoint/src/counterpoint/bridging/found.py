"""A run or a materialization that was found on another orchestrator."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MADE = "success"


@dataclass(frozen=True, slots=True)
class External:
    """A run or a materialization on another orchestrator.

    `name` is the DAG or the asset, `partition` its logical date (ISO 8601, UTC) or partition key, "" without one; `at`
    is when it ended (ISO 8601, UTC), None while it has not, `url` its page, `metadata` what it says of what it made.
    """

    orchestrator: str
    name: str
    partition: str
    run_id: str
    state: str
    at: str | None
    url: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_made(self) -> bool:
        """Whether it has succeeded."""
        return self.state == MADE

    @property
    def key(self) -> str:
        """Its unique key; a run that was cleared and has ended again has another key."""
        return f"{self.name}/{self.metadata.get('event', self.run_id)}/{self.at}"

    def told(self) -> dict[str, Any]:
        """The values that a page shows."""
        values = {"name": self.name, "run_id": self.run_id, "ended": self.at, **self.metadata, "url": self.url}
        return {name: value for name, value in values.items() if value is not None}

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def moment_of(text: str) -> datetime:
    """The moment of an API's text, in UTC, also without a zone."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
