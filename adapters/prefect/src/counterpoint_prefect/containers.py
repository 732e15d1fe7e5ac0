"""The container of a flow run, which all its tasks share, as job variables of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.errors import UnsupportedError
from counterpoint.model import largest

if TYPE_CHECKING:
    from counterpoint.model import Pipeline


def job_variables(pipeline: Pipeline) -> dict[str, Any]:
    """The image of the steps and the most that any of them needs; nothing where no step says anything.

    Raises:
        UnsupportedError: steps name several images.
    """
    images = {step.image: step.name for step in pipeline.steps if step.image}
    if len(images) > 1:
        (first, one), (second, other), *_ = images.items()
        raise UnsupportedError(
            f"prefect cannot run pipeline {pipeline.name}: a flow run is one container, but step {one} has the image"
            f" {first} and step {other} has {second}: give all steps one image, or choose another orchestrator"
        )
    most = largest(step.resources for step in pipeline.steps)
    values: dict[str, Any] = {"image": next(iter(images), None)}
    if most:
        values |= {"cpu": most.cpu_quantity, "memory": most.memory, "gpu": str(most.gpu) if most.gpu else None}
    return {name: value for name, value in values.items() if value}
