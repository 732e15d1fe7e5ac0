"""What the definitions of a pipeline give to its runs: how to find it, the prefix of its assets, the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from counterpoint_dagster.partitions import request_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from counterpoint.model import Configuration, Pipeline, RunRequest


@dataclass(frozen=True, slots=True)
class Binding:
    """How the definitions of a pipeline are bound to it.

    Attributes:
        served: How a worker finds the pipeline: its registered name, or `package.module:object`.
        prefix: What stands before the name of a step in the key of its asset.
        configuration: What a team's own installation gives to runs; None: what Counterpoint's services serve.
    """

    served: str
    prefix: tuple[str, ...] = ()
    configuration: Configuration | None = None

    def key(self, step: str) -> dg.AssetKey:
        """The key of a step's asset."""
        return dg.AssetKey([*self.prefix, step])

    def external_key(self, pipeline: Pipeline, other: str, step: str) -> dg.AssetKey:
        """The key of a step's asset of another pipeline that is bound in the same way.

        Args:
            pipeline: The pipeline that is bound here.
            other: The other one's name, which stands in place of the last part of the prefix.
            step: The other one's step.
        """
        if self.prefix:
            return dg.AssetKey([*self.prefix[:-1], other, step])
        return dg.AssetKey([other, step] if step in pipeline.step_names else [step])

    def keys(self, steps: Iterable[str]) -> list[dg.AssetKey]:
        """The keys of the assets of steps."""
        return [self.key(step) for step in steps]

    def ops(self, pipeline: Pipeline) -> dict[str, str]:
        """The steps by the names of their ops, which Dagster makes of the assets' keys."""
        return {self.key(step).to_python_identifier(): step for step in pipeline.step_names}

    def request_of(self, run: dg.DagsterRun) -> RunRequest:
        """The request of a run."""
        return request_of(self.served, run, self.configuration)
