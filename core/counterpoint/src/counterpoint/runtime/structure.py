"""Whether a generated file and the package that a worker has installed are of the same pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.errors import UsageError
from counterpoint.model.serial import public_values
from counterpoint.storage import json_digest

if TYPE_CHECKING:
    from counterpoint.model import Pipeline

_DIGITS = 16


def structure_of(pipeline: Pipeline) -> str:
    """16 hexadecimal digits that name the steps of a pipeline with their edges and policies, its pools and partitions.

    Descriptions, settings and the code of the steps do not count: they may change without a new file.
    """
    values = public_values(pipeline)
    steps = [{name: value for name, value in step.items() if name != "description"} for step in values["steps"]]
    structure = {"steps": steps, "pools": values["pools"], "partitions": values["partitions"]}
    return json_digest(structure).removeprefix("sha256:")[:_DIGITS]


def refuse_other_structure(pipeline: Pipeline, structure: str) -> None:
    """Refuses to work for a file that was generated from another structure than the one that is installed here.

    Raises:
        UsageError: the steps, edges or policies differ.
    """
    if structure != structure_of(pipeline):
        raise UsageError(
            f"the deployed file of pipeline {pipeline.name} was built from structure {structure}, and the package"
            f" installed here has {structure_of(pipeline)}: run 'counterpoint build {pipeline.name}' with this package,"
            " and deploy its files and its image together"
        )
