"""Results of the longer benchmark scripts: twelve faults, one day against the handwritten pipelines, test run times."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Mapping[str, Any] = MappingProxyType({"faults": None, "by_hand": [], "tests": []})
FAULTS, BY_HAND, TESTS = Path("faults/summary.json"), Path("by-hand"), Path("tests")
# the project's own results, shown if there are none from this machine; each names the machine that it was measured on
OURS = Path(__file__).parent / "measured_here"


def external_results_of(out: Path, ours: Path = OURS) -> dict[str, Any]:
    """The external results below the folder of a report; the project's own results fill the gaps.

    Args:
        out: the folder of the report.
        ours: the folder of the project's own results.

    Returns:
        `faults` (None if neither folder has any), and the lists `by_hand` and `tests`. In each document, `here` is
        true if it is from `out`.
    """
    return {"faults": _faults(out, ours), "by_hand": _by_side(out, ours, BY_HAND), "tests": _by_side(out, ours, TESTS)}


def _faults(out: Path, ours: Path) -> dict[str, Any] | None:
    for folder in (out, ours):
        if (folder / FAULTS).exists():
            return {**_read(folder / FAULTS), "here": folder == out}
    return None


def _by_side(out: Path, ours: Path, kind: Path) -> list[dict[str, Any]]:
    """One document per orchestrator, sorted by name."""
    documents: dict[str, dict[str, Any]] = {}
    for folder in (ours, out):
        for path in sorted((folder / kind).glob("*.json")):
            documents[path.stem] = {**_read(path), "here": folder == out}
    return [documents[name] for name in sorted(documents)]


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
