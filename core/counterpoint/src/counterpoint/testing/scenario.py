"""A scenario of the conformance kit: one pipeline with a partition to run, and the expected end of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from counterpoint.model import Pipeline, Status, load

if TYPE_CHECKING:
    from collections.abc import Mapping

RAN = (Status.SUCCESS, 1)
SKIPPED = (Status.SKIPPED, 0)
UNREACHED = (Status.UPSTREAM_FAILED, 0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One pipeline with a partition to run, and the expected status and attempts of each step.

    `evidence` is the setting with the folder for the files of its steps, or None. `earlier` maps the partitions that a
    run needs first to their steps. `errors` are the error types of failed steps. `elements` maps a mapped step to the
    status and attempts of each element. With `repeats`, the run is repeated. `marker` is a path below the root where an
    object appears some checks after a step starts to wait for it. `effects` is whether effect steps run, and
    `untouched` names evidence that must not exist. `module` has the pipeline as an object called `name`. `sources` maps
    other pipelines that it reads to their partitions, which the same engine makes in production first.
    """

    name: str
    partition: str
    expected: Mapping[str, tuple[Status, int]]
    errors: Mapping[str, str] = field(default_factory=dict)
    earlier: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    evidence: str | None = None
    elements: Mapping[str, tuple[tuple[Status, int], ...]] = field(default_factory=dict)
    repeats: bool = False
    marker: str | None = None
    effects: bool = True
    untouched: tuple[str, ...] = ()
    module: str = "counterpoint.testing.scenarios"
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The reference by which every process loads the pipeline."""
        return f"{self.module}:{self.name}"

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline itself."""
        pipeline: Pipeline = load(self.reference)
        return pipeline


def all_ran(pipeline: Pipeline, **exceptions: tuple[Status, int]) -> dict[str, tuple[Status, int]]:
    """The expectation that each step ran once and well, but for the exceptions."""
    return {**dict.fromkeys(pipeline.step_names, RAN), **exceptions}
