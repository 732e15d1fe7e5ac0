"""What a generated DAG file gives to its tasks: the configuration of its environment, and a mark of its structure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Configuration, Pipeline


def bound(configuration: Mapping[str, Any], structure: str) -> str:
    """Both as one argument of a task: JSON in which Airflow's templates find nothing to replace."""
    text = json.dumps({"configuration": configuration, "structure": structure}, sort_keys=True)
    # two such signs can only stand in a string of JSON, where the first may be written by its number
    for start in ("{{", "{%", "{#"):
        text = text.replace(start, f"\\u007b{start[1]}")
    return text


def configuration_of(pipeline: Pipeline, deployed: str | None) -> Configuration | None:
    """The configuration that a generated DAG file gave to a task; None where there is no such file.

    Raises:
        UsageError: the file was built from another structure than that of the pipeline that is installed here.
    """
    if deployed is None:
        return None
    from counterpoint.model import Configuration
    from counterpoint.runtime.structure import refuse_other_structure

    values = json.loads(deployed)
    refuse_other_structure(pipeline, values["structure"])
    return Configuration.from_json(json.dumps(values["configuration"]))
