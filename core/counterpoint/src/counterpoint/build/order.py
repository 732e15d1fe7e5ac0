"""What an adapter is given to build files from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.runtime.structure import structure_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.build.project import Project
    from counterpoint.model import Configuration, Pipeline


@dataclass(frozen=True, slots=True)
class NativeFiles:
    """What an adapter builds.

    Attributes:
        files: The text of each file, by its path in the folder.
        base_image: The container image that the workers' image starts from.
        copied: What of these files the image holds: `path place` for each.
        steps: What a person does with the files, one sentence each.
    """

    files: Mapping[str, str]
    base_image: str
    copied: Sequence[str]
    steps: Sequence[str]


@dataclass(frozen=True, slots=True)
class Build:
    """One pipeline, for one environment of one orchestrator.

    Attributes:
        pipeline: The pipeline, with the settings of the environment.
        reference: How a worker finds it: its registered name, or `package.module:object`.
        configuration: What the environment gives to its runs.
        project: The distribution that holds its code.
        image: The name of the container image that its workers start from.
        command: The command that makes these files again.
    """

    pipeline: Pipeline
    reference: str
    configuration: Configuration
    project: Project
    image: str
    command: str

    @property
    def structure(self) -> str:
        """What names the structure of the pipeline; generated files bear it."""
        return structure_of(self.pipeline)

    @property
    def repository_and_tag(self) -> tuple[str, str]:
        """The repository and the tag of the image; a port of its registry is no tag."""
        folder, slash, last = self.image.rpartition("/")
        repository, _, tag = last.partition(":")
        return f"{folder}{slash}{repository}", tag or "latest"

    @property
    def kubernetes_name(self) -> str:
        """The name of the pipeline as Kubernetes admits it: that of the Secret that holds the variables."""
        return self.pipeline.name.lower().replace("_", "-")

    @property
    def header(self) -> tuple[str, ...]:
        """The lines at the top of every generated file, without comment marks."""
        environment = f", environment {self.configuration.env}" if self.configuration.env else ""
        return (
            f"Pipeline {self.pipeline.name}{environment}. Generated: change the pipeline, not this file.",
            f"To make it again: {self.command}",
        )
