"""What a pipeline says of its smoke test: small settings, and how its rows are drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Smoke:
    """How `counterpoint smoke` runs a pipeline; nothing else reads it.

    `settings` override settings of the pipeline, such as the number of epochs or a limit that a sample cannot hold (a
    dict setting is merged one level deep). `key` is the column by whose values rows are drawn, so that all rows of a
    value stay together; a table without it, or a pipeline without a key, is drawn row by row.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None

    def check(self, pipeline: str, config: Mapping[str, Any]) -> None:
        """Refuses settings that the pipeline does not have.

        Raises:
            DefinitionError: names pipeline, setting and fix.
        """
        for name in self.settings:
            if name not in config:
                raise DefinitionError(
                    f"pipeline {pipeline}: smoke sets {name!r}, which is no setting of it: it has"
                    f" {', '.join(sorted(config)) or 'none'}"
                )


@dataclass(frozen=True, slots=True)
class Sample:
    """The part of the rows that a run keeps of what its first steps return: `share` in (0, 1], drawn by `seed`."""

    share: float
    key: str | None = None
    seed: int = 0
