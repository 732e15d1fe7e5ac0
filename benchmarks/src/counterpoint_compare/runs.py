"""Running the comparison: each orchestrator on a root of its own, one after the other, all from nothing."""

from __future__ import annotations

import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.orchestrators import LOCAL
from counterpoint.remote_env import asked_of_adapter
from counterpoint.runtime import find_pipeline
from counterpoint.storage import layout
from counterpoint_compare.measured import Measured, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared: a partition of a pipeline, with the days of its window."""

    pipeline: str
    date: str
    orchestrators: tuple[str, ...]
    root: str
    source: str | None = None
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contestant:
    """One orchestrator's part: its command, what that used, and its RunRecord if it got that far."""

    orchestrator: str
    command: tuple[str, ...]
    measured: Measured
    record: Mapping[str, Any] | None


def compare(comparison: Comparison, python_of: Callable[[str], Path]) -> list[Contestant]:
    """Runs every orchestrator; one that fails does not keep the others from running.

    Raises:
        UsageError: the root is not a local folder.
        ServiceError: a side's adapter cannot be asked.
    """
    if "://" in comparison.root:
        raise UsageError(
            f"compare keeps each side in a folder of its own, so {comparison.root} does not do: name a folder"
        )
    pythons = {name: python_of(name) for name in comparison.orchestrators}
    find_pipeline(comparison.pipeline)
    found = []
    for number, name in enumerate(comparison.orchestrators, 1):
        log.info("[%d/%d] %s", number, len(pythons), name)
        found.append(_contest(comparison, name, pythons[name]))
    return found


def _contest(comparison: Comparison, name: str, python: Path) -> Contestant:
    root = Path(comparison.root) / layout.compared_root(name)
    shutil.rmtree(root, ignore_errors=True)
    words = ["run", comparison.pipeline, "--date", comparison.date, "--on", name, "--no-effects"]
    words += ["--service"] if name != LOCAL and asked_of_adapter(name, python, "adapter.has_services") else []
    words += ["--source", comparison.source] if comparison.source else []
    words += [word for setting in comparison.settings for word in ("--set", setting)]
    words += ["--root", str(root), "--json"]
    measured = measure([str(python), "-P", "-m", "counterpoint", *words])
    # as a person would type it here
    shown = [os.path.relpath(word) if word == str(root) and root.is_relative_to(Path.cwd()) else word for word in words]
    record = json.loads(measured.answer) if measured.answer.strip() else None
    return Contestant(name, ("counterpoint", *shown), measured, record)
