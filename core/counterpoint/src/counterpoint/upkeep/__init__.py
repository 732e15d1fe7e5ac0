"""Looking after a root: finding again what stands when files of it are damaged, and removing what nothing needs."""

from __future__ import annotations

from counterpoint.upkeep.cleaning import clean
from counterpoint.upkeep.limits import limits_of
from counterpoint.upkeep.repair import repair

__all__ = ["clean", "limits_of", "repair"]
