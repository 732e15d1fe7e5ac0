"""The lineage of runs, and the registry of the models that they made."""

from __future__ import annotations

from counterpoint.lineage.aliases import champions, promote_models
from counterpoint.lineage.find import find_lineage
from counterpoint.lineage.gather import RunEnvironment, gather, keep, keep_whole
from counterpoint.lineage.metadata import PipelineRunMetadata
from counterpoint.lineage.models import ModelVersion, model_versions
from counterpoint.lineage.reassign import AliasChange, promote_model, roll_back
from counterpoint.lineage.register import register

__all__ = [
    "AliasChange",
    "ModelVersion",
    "PipelineRunMetadata",
    "RunEnvironment",
    "champions",
    "find_lineage",
    "gather",
    "keep",
    "keep_whole",
    "model_versions",
    "promote_model",
    "promote_models",
    "register",
    "roll_back",
]
