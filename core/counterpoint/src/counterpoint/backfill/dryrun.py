"""The dry run of a backfill: its plan, and a checklist that is checked automatically where possible."""

from __future__ import annotations

import getpass
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.backfill.backfill import grain_of
from counterpoint.backfill.external import missing_external
from counterpoint.backfill.plan import waves
from counterpoint.backfill.records import manifests
from counterpoint.backfill.strategy import Strategy
from counterpoint.backfill.timing import bounds, makespan
from counterpoint.commands import command
from counterpoint.lineage.git import git_state
from counterpoint.model import PRODUCTION
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterpoint.backfill.backfill import Prepared
    from counterpoint.backfill.external import MissingExternal
    from counterpoint.model import Materialization

_ROOM = 2  # times the expected bytes: a table keeps the files that it replaces


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the checklist; `ok` is None where only a person can judge."""

    item: str
    ok: bool | None
    says: str


def dry_run(prepared: Prepared) -> dict[str, Any]:
    """The plan of a backfill with its times and its checklist; starts and writes nothing."""
    requested, plan = prepared.requested, prepared.plan
    limits = bounds(plan, prepared.seconds, requested.parallel)
    queue = prepared.queue(Strategy(requested.strategy), grain_of(requested.orchestrator), requested.parallel)
    estimated, _ = makespan(queue, prepared.seconds)
    existing, lacking = _existing(prepared), missing_external(prepared)
    return {
        "version": requested.version,
        "strategy": requested.strategy,
        "partitions": list(plan.keys),
        "cells": len(plan.cells),
        "saved": len(plan.saved),
        "upstream": [f"{cell.step} {cell.key}" for cell in plan.earlier],
        "external": [asdict(missing) for missing in lacking],
        "waves": [[f"{cell.step} {cell.key}" for cell in wave] for wave in waves(plan)],
        "critical_path": [f"{cell.step} {cell.key}" for cell in limits.critical_path],
        "critical_seconds": round(limits.critical_seconds, 3),
        "work_seconds": round(limits.work_seconds, 3),
        "lower_bound_seconds": round(limits.lower, 3),
        "estimated_seconds": round(estimated, 3),
        "slots": requested.parallel,
        "unknown_durations": sorted({cell.step for cell in plan.cells} - set(prepared.steps_seconds)),
        "would_replace": [f"{entry.reference.step} {entry.reference.partition}" for entry in existing],
        "checklist": [asdict(item) for item in _checklist(prepared, existing, lacking)],
    }


def _existing(prepared: Prepared) -> list[Materialization]:
    """The production outputs of the cells to compute: the version's promotion replaces them."""
    production = Store(prepared.root, prepared.pipeline, PRODUCTION)
    entries = (production.entry(*cell) for cell in prepared.plan.cells)
    return [entry for entry in entries if entry is not None]


def _checklist(prepared: Prepared, existing: list[Materialization], lacking: Sequence[MissingExternal]) -> list[Item]:
    requested, plan = prepared.requested, prepared.plan
    store = Store(prepared.root, prepared.pipeline, requested.version)
    known = manifests(store)
    scope = f"{len(plan.keys)} partitions, {len(plan.cells)} steps to run, {len(plan.saved)} exist already"
    is_continued = requested.version in known
    isolation = (
        f"version {requested.version}, which is {'continued' if is_continued else 'new'}; production is not written"
    )
    commit = git_state(Path.cwd())["commit"]
    drop = command("backfill", "drop", requested.pipeline, requested.version, root=prepared.root)
    status = command("status", requested.pipeline, "--version", requested.version, root=prepared.root)
    return [
        Item("scope", bool(plan.cells), f"{scope}: {requested.first} to {requested.last}"),
        _resources(prepared, existing),
        Item("isolation of output", ok=True, says=isolation),
        Item("baseline to compare with", bool(existing), f"{len(existing)} of {len(plan.cells)} are in production"),
        Item("rollback", ok=True, says=f"'{drop}' until it is promoted"),
        *_external(prepared, lacking),
        *_effects(prepared),
        Item("owner", ok=True, says=f"{getpass.getuser()}, code {str(commit)[:12]}"),
        Item("monitoring", None, f"'{status}' shows the progress; who watches it?"),
    ]


def _external(prepared: Prepared, lacking: Sequence[MissingExternal]) -> list[Item]:
    """The item for what the steps read from other pipelines, if they read something there."""
    if not any(step.external_inputs for step in prepared.pipeline.steps):
        return []
    first = f", such as {lacking[0].step} {lacking[0].partition}: '{lacking[0].command}'" if lacking else ""
    says = f"{len(lacking)} are missing and waited for, not made here{first}" if lacking else "all are published"
    return [Item("inputs of other pipelines", not lacking, says)]


def _effects(prepared: Prepared) -> list[Item]:
    """The item for steps with external effects, if the pipeline has any."""
    names = ", ".join(step.name for step in prepared.pipeline.steps if step.effect)
    runs = prepared.requested.effects
    says = f"{names}: {'run for each partition' if runs else 'not run; --effects runs them'}"
    return [Item("effects", None if runs else True, says)] if names else []


def _resources(prepared: Prepared, existing: list[Materialization]) -> Item:
    """Whether the disk has enough space, estimated from the size of existing outputs."""
    pools = ", ".join(f"{pool.name} {pool.slots}" for pool in prepared.pipeline.pools) or "no pools"
    says = f"{prepared.requested.parallel} at once; {pools}"
    if "://" in prepared.root or not existing:
        return Item("resources", None, f"{says}; the needed space is not known")
    mean_bytes = sum(entry.reference.bytes for entry in existing) / len(existing)
    needed = int(mean_bytes * len(prepared.plan.cells) * _ROOM)
    place = Path(prepared.root)
    free = shutil.disk_usage(next(path for path in (place, *place.parents) if path.exists())).free
    return Item("resources", free > needed, f"{says}; about {needed / 1e6:.0f} MB needed, {free / 1e6:.0f} MB free")
