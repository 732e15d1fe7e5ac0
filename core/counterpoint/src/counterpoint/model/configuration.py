"""The configuration of the runs of one pipeline: where its data lies, its settings, and references to its secrets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the runs of one pipeline go by, as JSON values; it holds no secret.

    `env` is the name of the environment (None: there is none), `root` where data lies, `tracking` the tracking server
    of models (None: below the root). `settings` are those of the one pipeline, merged. `secrets` maps names of secrets
    to references such as `env:API_KEY`; `variables` are set in the process of each step.
    """

    env: str | None
    root: str
    tracking: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def carried(self) -> dict[str, Any]:
        """What a request carries beside the root and the settings, by the names of its fields."""
        return {
            "env": self.env,
            "tracking": self.tracking,
            "secrets": dict(self.secrets),
            "variables": dict(self.variables),
        }

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        return cls(**json.loads(text))
