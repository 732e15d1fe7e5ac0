"""Maintenance of a root: repairs its catalog after damage to files, and removes records that nothing needs."""

from __future__ import annotations

from counterpoint.upkeep.cleaning import clean
from counterpoint.upkeep.limits import limits_of
from counterpoint.upkeep.repair import repair

__all__ = ["clean", "limits_of", "repair"]
