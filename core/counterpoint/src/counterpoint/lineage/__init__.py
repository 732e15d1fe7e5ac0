"""The lineage of runs, and the registry of the models that they made."""

from __future__ import annotations

from counterpoint.lineage.aliases import champions, promote_models
from counterpoint.lineage.find import find_lineage, find_version
from counterpoint.lineage.gather import RunEnvironment, environment, gather, keep, keep_whole, packages, source_of
from counterpoint.lineage.metadata import PipelineRunMetadata
from counterpoint.lineage.models import ModelVersion, model_versions
from counterpoint.lineage.patch import checkout_of
from counterpoint.lineage.reassign import AliasChange, promote_model, roll_back
from counterpoint.lineage.register import register
from counterpoint.lineage.sources import reach_of_steps, sources_of

__all__ = [
    "AliasChange",
    "ModelVersion",
    "PipelineRunMetadata",
    "RunEnvironment",
    "champions",
    "checkout_of",
    "environment",
    "find_lineage",
    "find_version",
    "gather",
    "keep",
    "keep_whole",
    "model_versions",
    "packages",
    "promote_model",
    "promote_models",
    "reach_of_steps",
    "register",
    "roll_back",
    "source_of",
    "sources_of",
]
