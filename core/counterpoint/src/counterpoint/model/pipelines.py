"""Pipelines: connected steps, checked when the pipeline is created."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model.checks import check, check_failures, check_retain
from counterpoint.model.partitions import Partitions
from counterpoint.model.schedules import check_schedule
from counterpoint.model.smoke import Smoke
from counterpoint.model.steps import SPARSE, Step, StepSpec
from counterpoint.model.surroundings import check_labels, check_surroundings
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
    `module:Class`, to their `FailureClass`. `retain` is how long `doctor --clean` keeps the records of runs that
    nothing needs any more, as `90d`. `smoke` has the small settings of a smoke test. `owner` and `tags`
    are those of the steps that declare none.

    Raises:
        DefinitionError: The description contradicts itself; the message names the step and the fix.
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
    smoke: Smoke = field(default_factory=Smoke)
    owner: str | None = field(default=None, metadata=SPARSE)
    tags: Mapping[str, str] = field(default_factory=dict, metadata=SPARSE)

    def __post_init__(self) -> None:
        check_labels(f"pipeline {self.name}", self.owner, self.tags)
        object.__setattr__(self, "steps", tuple(map(self._labelled, self._resolved(self.steps))))
        check_failures(self.name, self.failures)
        check_retain(self.name, self.retain)
        check_schedule(self.name, self.partitions, self.schedule)
        self.smoke.check(self.name, self.config)
        check(self.name, self.steps, self.pools)

    def _resolved(self, drafts: Iterable[Step | StepSpec]) -> list[Step]:
        drafts = list(drafts)
        names = {draft.name for draft in drafts}
        return [d.resolve(names, set(self.config)) if isinstance(d, StepSpec) else d for d in drafts]

    def _labelled(self, step: Step) -> Step:
        """The step with the owner and the tags of the pipeline, where it does not say its own."""
        check_surroundings(step)
        return replace(step, owner=step.owner or self.owner, tags={**self.tags, **step.tags})

    def step(self, name: str) -> Step:
        """The step of that name.

        Raises:
            UsageError: There is none; the message lists the existing ones.
        """
        for member in self.steps:
            if member.name == name:
                return member
        raise UsageError(f"pipeline {self.name} has no step {name!r}: choose from {', '.join(self.step_names)}")

    @property
    def step_names(self) -> tuple[str, ...]:
        """The names of all steps, as declared."""
        return tuple(member.name for member in self.steps)

    def pool(self, name: str) -> Pool:
        """The declared pool of that name.

        Raises:
            DefinitionError: It is not declared.
        """
        for pool in self.pools:
            if pool.name == name:
                return pool
        raise DefinitionError(f"pipeline {self.name} declares no pool {name!r}")

    def own(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The given settings that the pipeline has; stored ones may be of an earlier version of it."""
        return {name: value for name, value in config.items() if name in self.config}

    def configured(self, overrides: Mapping[str, Any]) -> Pipeline:
        """The same pipeline with some settings replaced (a dict setting is merged one level deep).

        The value of a secret, which is masked in `overrides`, is taken from the environment.

        Raises:
            UsageError: There is no such setting, or the environment does not hold a secret one.
        """
        merged = dict(self.config)
        for name in overrides:
            if name not in merged:
                raise UsageError(f"pipeline {self.name} has no setting {name!r}: it has {', '.join(sorted(merged))}")
        for name, value in unsealed(overrides, f"pipeline {self.name}").items():
            both = isinstance(merged[name], dict) and isinstance(value, dict)
            merged[name] = {**merged[name], **value} if both else value
        return replace(self, config=merged)
