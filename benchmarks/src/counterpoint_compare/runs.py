"""Runs the comparison: one orchestrator after another, each on an empty root of its own."""

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
from counterpoint.remote_env import query_adapter
from counterpoint.runtime import find_pipeline
from counterpoint.storage import layout
from counterpoint_compare.measured import Measured, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison to run: a partition of a pipeline, with the days of its window."""

    pipeline: str
    date: str
    orchestrators: tuple[str, ...]
    root: str
    source: str | None = None
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contestant:
    """One orchestrator's part: its command, the measured resources, and its RunRecord if the run has one."""

    orchestrator: str
    command: tuple[str, ...]
    measured: Measured
    record: Mapping[str, Any] | None


def compare(comparison: Comparison, python_of: Callable[[str], Path]) -> list[Contestant]:
    """Runs every orchestrator; a failure of one does not stop the others.

    Raises:
        UsageError: the root is not a local folder, or the pipeline reads another one.
        ServiceError: a side's adapter cannot be queried.
    """
    if "://" in comparison.root:
        raise UsageError(f"compare needs a local folder for each side: {comparison.root} is not one: name a folder")
    _refuse_external(comparison.pipeline)
    pythons = {name: python_of(name) for name in comparison.orchestrators}
    contestants = []
    for number, name in enumerate(comparison.orchestrators, 1):
        log.info("[%d/%d] %s", number, len(pythons), name)
        contestants.append(_contest(comparison, name, pythons[name]))
    return contestants


def _refuse_external(name: str) -> None:
    """Refuses a pipeline that reads another one: below a new root nothing of it is published."""
    sources = [wait.source for step in find_pipeline(name).steps for wait in step.external_inputs]
    if sources:
        raise UsageError(
            f"compare runs {name} below a root of its own, where {', '.join(sources)} is not published: compare a"
            " pipeline that reads no other one"
        )


def _contest(comparison: Comparison, name: str, python: Path) -> Contestant:
    root = Path(comparison.root) / layout.compared_root(name)
    shutil.rmtree(root, ignore_errors=True)
    words = ["run", comparison.pipeline, "--date", comparison.date, "--on", name, "--no-effects"]
    words += ["--service"] if name != LOCAL and query_adapter(name, python, "adapter.has_services") else []
    words += ["--source", comparison.source] if comparison.source else []
    words += [word for setting in comparison.settings for word in ("--set", setting)]
    words += ["--root", str(root), "--json"]
    measured = measure([str(python), "-P", "-m", "counterpoint", *words])
    # as a person would type it here
    typed = [os.path.relpath(word) if word == str(root) and root.is_relative_to(Path.cwd()) else word for word in words]
    record = json.loads(measured.answer) if measured.answer.strip() else None
    return Contestant(name, ("counterpoint", *typed), measured, record)
