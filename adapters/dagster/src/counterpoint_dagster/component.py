"""A component: a pipeline in a `defs.yaml`, with the prefix of its assets and the configuration of its runs."""

from __future__ import annotations

from typing import Any

import dagster as dg
from pydantic import Field

from counterpoint.model import Configuration
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.structure import refuse_other_structure
from counterpoint_dagster.binding import Binding
from counterpoint_dagster.translate import definitions


class ConfigurationModel(dg.Model, dg.Resolvable):
    """What the environment gives to every run; of secrets, where their values are found.

    Attributes:
        root: Where data lies.
        env: The name of the environment.
        tracking: The tracking server of models; without one, models are tracked below the root.
        settings: Settings of the pipeline.
        secrets: References of secrets, such as `env:API_KEY`.
        variables: What is set in the process of each step.
    """

    root: str
    env: str | None = None
    tracking: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    variables: dict[str, str] = Field(default_factory=dict)


class PipelineComponent(dg.Component, dg.Model, dg.Resolvable):
    """The assets, the job, the schedule and the sensors of a Counterpoint pipeline.

    Attributes:
        pipeline: Its registered name, or `package.module:object`.
        configuration: What the environment gives to every run.
        key_prefix: What stands before the name of a step in the key of its asset; default: the pipeline's name.
        structure: What names the structure that the file was built from; without it, the installed one counts.
    """

    pipeline: str
    configuration: ConfigurationModel
    key_prefix: list[str] | None = None
    structure: str | None = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster's signature
        """The definitions of the pipeline.

        Raises:
            UsageError: There is no such pipeline, or it has another structure than the file.
        """
        pipeline = find_pipeline(self.pipeline)
        if self.structure:
            refuse_other_structure(pipeline, self.structure)
        prefix = (pipeline.name,) if self.key_prefix is None else tuple(self.key_prefix)
        return definitions(pipeline, Binding(self.pipeline, prefix, Configuration(**self.configuration.model_dump())))
