"""Pipelines: steps that hang together, checked when they are put together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model.checks import check, check_failures, check_retain
from counterpoint.model.partitions import Partitions
from counterpoint.model.steps import Step, StepSpec
from counterpoint.redaction import unsealed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from counterpoint.model.policies import Pool, Schedule


@dataclass(frozen=True)
class Pipeline:
    """A checked pipeline.

    `config` holds its settings, JSON values that step functions receive by parameter name. `deadline` is
    the time after the scheduled start by which a run should have ended. `failures` maps exception classes, as
    `module:Class`, to the `FailureClass` that they are of. `retain` is how long the records of a run are kept that
    nothing needs any more, as `90d`: `doctor --clean` goes by it.

    Raises:
        DefinitionError: the description contradicts itself; the message names the step and the fix.
    """

    name: str
    steps: tuple[Step, ...]
    partitions: Partitions = field(default_factory=Partitions)
    pools: tuple[Pool, ...] = ()
    schedule: Schedule | None = None
    deadline: timedelta | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    failures: Mapping[str, str] = field(default_factory=dict)
    retain: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self._resolved(self.steps)))
        check_failures(self.name, self.failures)
        check_retain(self.name, self.retain)
        check(self.name, self.steps, self.pools)

    def _resolved(self, drafts: Iterable[Step | StepSpec]) -> list[Step]:
        drafts = list(drafts)
        names = {draft.name for draft in drafts}
        return [d.resolve(names, set(self.config)) if isinstance(d, StepSpec) else d for d in drafts]

    def step(self, name: str) -> Step:
        """The step of that name.

        Raises:
            UsageError: there is none; the message lists those there are.
        """
        for found in self.steps:
            if found.name == name:
                return found
        raise UsageError(f"pipeline {self.name} has no step {name!r}: choose from {', '.join(self.step_names)}")

    @property
    def step_names(self) -> tuple[str, ...]:
        """The names of all steps, as declared."""
        return tuple(found.name for found in self.steps)

    def pool(self, name: str) -> Pool:
        """The declared pool of that name.

        Raises:
            DefinitionError: it is not declared.
        """
        for pool in self.pools:
            if pool.name == name:
                return pool
        raise DefinitionError(f"pipeline {self.name} declares no pool {name!r}")

    def own(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Of settings, those that the pipeline has: what is kept from earlier may hold others."""
        return {name: value for name, value in config.items() if name in self.config}

    def configured(self, overrides: Mapping[str, Any]) -> Pipeline:
        """The same pipeline with some settings replaced (a dict setting is merged one level deep).

        The value of one that was masked, for it is a secret, is in the environment.

        Raises:
            UsageError: there is no such setting, or the environment does not hold a secret one.
        """
        merged = dict(self.config)
        for name in overrides:
            if name not in merged:
                raise UsageError(f"pipeline {self.name} has no setting {name!r}: it has {', '.join(sorted(merged))}")
        for name, value in unsealed(overrides, f"pipeline {self.name}").items():
            both = isinstance(merged[name], dict) and isinstance(value, dict)
            merged[name] = {**merged[name], **value} if both else value
        return replace(self, config=merged)
