"""The root cause of a failed run: from what its worker recorded, else from the orchestrator's own API."""

from __future__ import annotations

from counterpoint.diagnosis.explain import explain
from counterpoint.diagnosis.find import find_run

__all__ = ["explain", "find_run"]
