"""Storage: tables as Delta, models and metrics as files, and a catalogue of published outputs; on disk or S3."""

from __future__ import annotations

from counterpoint.storage.digests import content_digest, json_digest, model_digest
from counterpoint.storage.formats import Flavor, ModelFormat, StoredModel, TorchModel
from counterpoint.storage.models import Model
from counterpoint.storage.store import Store
from counterpoint.storage.versions import Promotion, VersionInfo, VersionStatus, drop, promote

__all__ = [
    "Flavor",
    "Model",
    "ModelFormat",
    "Promotion",
    "Store",
    "StoredModel",
    "TorchModel",
    "VersionInfo",
    "VersionStatus",
    "content_digest",
    "drop",
    "json_digest",
    "model_digest",
    "promote",
]
