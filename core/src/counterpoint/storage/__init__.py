"""What is stored: tables as Delta, models and metrics as files, a catalogue of what stands; on disk or S3."""

from __future__ import annotations

from counterpoint.storage.digests import content_digest, json_digest, model_digest
from counterpoint.storage.models import Model
from counterpoint.storage.store import Store

__all__ = ["Model", "Store", "content_digest", "json_digest", "model_digest"]
