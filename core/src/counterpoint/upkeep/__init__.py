"""Looking after a root: finding again what stands when files of it are damaged."""

from __future__ import annotations

from counterpoint.upkeep.repair import Act, repair

__all__ = ["Act", "repair"]
