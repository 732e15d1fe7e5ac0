"""What generated definitions call: they hold the native side of each step, and these functions do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.model import Configuration
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.structure import refuse_other_structure
from counterpoint_dagster import translate
from counterpoint_dagster.binding import Binding
from counterpoint_dagster.conditions import following
from counterpoint_dagster.group_step import execute_group_of
from counterpoint_dagster.step import CatalogueIOManager, execute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import dagster as dg

__all__ = ["Steps"]


class Steps:
    """What the assets of a pipeline do.

    Args:
        pipeline: How workers find it: its registered name, or `package.module:object`.
        configuration: What the environment gives to every run; of secrets, where their values are found.
        prefix: What stands before the name of a step in the key of its asset.
        structure: What names the structure of the pipeline that the file was built from.

    Attributes:
        structure: The same, for the metadata of the job.

    Raises:
        UsageError: The pipeline that is installed here has another structure, or there is none.
    """

    def __init__(
        self, pipeline: str, configuration: Mapping[str, Any], *, prefix: Sequence[str] = (), structure: str
    ) -> None:
        self._pipeline, self.structure = find_pipeline(pipeline), structure
        refuse_other_structure(self._pipeline, structure)
        self._binding = Binding(pipeline, tuple(prefix), Configuration(**configuration))

    def execute(self, step: str, context: dg.AssetExecutionContext, **upstream: Any) -> Iterator[Any]:
        """Executes a step, and yields its output and the result of its asset check.

        Args:
            step: Its name.
            context: What Dagster gives to the asset.
            upstream: The references of the outputs that it reads, by step.
        """
        return execute(context, self._binding.request_of(context.run), self._pipeline.step(step), upstream)

    def execute_group(self, group: str, context: dg.AssetExecutionContext) -> Iterator[Any]:
        """Executes the steps of a group, and yields for each its materialization and the result of its asset check.

        Args:
            group: Its name.
            context: What Dagster gives to the assets.
        """
        return execute_group_of(context, self._binding.request_of(context.run), group, self._binding)

    def code_version(self, step: str) -> str:
        """The version of a step's code in the package that is installed here."""
        return translate.code_version(self._pipeline.step(step))

    def newest(self, context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """What a tick of the schedule requests: a run of the newest partition that had ended by then."""
        return translate.newest(self._pipeline, context)

    def sensors(self, job: Any) -> list[dg.SensorDefinition]:
        """The sensors that launch steps which Dagster skips or cannot put off."""
        return following(self._pipeline, self._binding, job)

    def references(self) -> CatalogueIOManager:
        """The resource that passes references of outputs between the steps of a run."""
        return translate.references(self._binding)
