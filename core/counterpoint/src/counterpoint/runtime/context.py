"""The context of one attempt at a step: created once, and passed to everything that takes part in the attempt."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DamagedOutputError
from counterpoint.model import Partition, Pipeline, RunRequest, Step, code_digest
from counterpoint.model.code import outdated, reach_of
from counterpoint.runtime.external import ExternalInput, external_inputs
from counterpoint.runtime.registry import find_pipeline
from counterpoint.runtime.remaking import remake_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.model import ArtifactRef
    from counterpoint.storage import Store


@dataclass(frozen=True)
class StepContext:
    """One attempt at one step of a run, or at one element of a mapped step, with everything that it needs."""

    request: RunRequest
    pipeline: Pipeline
    step: Step
    store: Store
    index: int | None = None
    attempt: int = 1

    @cached_property
    def partition(self) -> Partition:
        """The partition of the run."""
        return self.partition_of(self.request.partition)

    @cached_property
    def partition_of(self) -> Callable[[str], Partition]:
        """The function that returns the partition of a key; each key is parsed once in an attempt."""
        return cache(self.pipeline.partitions.partition)

    @cached_property
    def external(self) -> dict[str, ExternalInput]:
        """The inputs from other pipelines by parameter, as of the first look in this attempt."""
        return external_inputs(self.pipeline, self.step, self.request)

    @property
    def key(self) -> str:
        """The partition key, or that of one element of a mapped step."""
        return self.request.partition if self.index is None else f"{self.request.partition}.{self.index}"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that are parameters of the step's function, by name."""
        return {name: self.pipeline.config[name] for name in self.step.settings}

    @property
    def settings_hash(self) -> str:
        """16 hexadecimal digits of the digest of those settings."""
        return digest_of(self.settings).removeprefix("sha256:")[:16]

    def read(self, reference: ArtifactRef, partial: str | None = None) -> Any:
        """The value of a reference, or what a function makes of it.

        Args:
            reference: The reference to read.
            partial: The function, as `module:name`, whose stored result is read in place of the value.

        Raises:
            DamagedOutputError: The value is lost, or differs from what was written; holds the command that remakes it.
        """
        try:
            if partial is None:
                return self.store.read(reference)
            # the result of outdated code must not be stored under the digest of the new code
            keeps = not outdated(reach_of([partial]))
            return self.store.partial(reference, partial, code_digest(partial), keeps=keeps)
        except DamagedOutputError as damage:
            damage.command = remake_command(self.request, reference.partition)
            raise


def context_of(request: RunRequest, step: str, index: int | None = None, attempt: int = 1) -> StepContext:
    """The step of a request with its pipeline (settings overridden) and its store.

    Raises:
        UsageError: There is no such pipeline, step or setting.
    """
    from counterpoint.storage import Store

    pipeline = find_pipeline(request.pipeline).configured(request.config)
    store = Store(request.root, pipeline, request.version)
    return StepContext(request, pipeline, pipeline.step(step), store, index, attempt)


def digest_of(value: Any) -> str:
    """The sha256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
