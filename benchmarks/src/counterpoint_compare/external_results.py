"""What scripts measured that take longer than a comparison: twelve faults, a day beside the handwritten one, tests."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Mapping[str, Any] = MappingProxyType({"faults": None, "by_hand": [], "tests": []})
FAULTS, BY_HAND, TESTS = Path("faults/summary.json"), Path("by-hand"), Path("tests")
# what stands here when nobody has measured on this machine: the project's own, from the machine that they name
OURS = Path(__file__).parent / "measured_here"


def beside_of(out: Path, ours: Path = OURS) -> dict[str, Any]:
    """What stands below the folder of a report, else what the project measured; `here` says which it is.

    `faults` is None, `by_hand` and `tests` are empty, where neither has any.
    """
    return {"faults": _faults(out, ours), "by_hand": _by_side(out, ours, BY_HAND), "tests": _by_side(out, ours, TESTS)}


def _faults(out: Path, ours: Path) -> dict[str, Any] | None:
    for folder in (out, ours):
        if (folder / FAULTS).exists():
            return {**_read(folder / FAULTS), "here": folder == out}
    return None


def _by_side(out: Path, ours: Path, kind: Path) -> list[dict[str, Any]]:
    """One document of each orchestrator, in the order of their names."""
    found: dict[str, dict[str, Any]] = {}
    for folder in (ours, out):
        for path in sorted((folder / kind).glob("*.json")):
            found[path.stem] = {**_read(path), "here": folder == out}
    return [found[name] for name in sorted(found)]


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
