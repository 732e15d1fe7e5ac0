"""What a backfill would do, and whether it is safe to: each item checked by the program where it can be."""

from __future__ import annotations

import getpass
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.backfill.backfill import grain_of
from counterpoint.backfill.plan import waves
from counterpoint.backfill.records import manifests
from counterpoint.backfill.strategy import Strategy
from counterpoint.backfill.timing import bounds, makespan
from counterpoint.commands import command
from counterpoint.lineage.git import git_state
from counterpoint.model import PRODUCTION
from counterpoint.storage import Store

if TYPE_CHECKING:
    from counterpoint.backfill.backfill import Prepared
    from counterpoint.model import Materialization

_ROOM = 2  # times the expected bytes: a table keeps what it replaces


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the checklist; `ok` is None where only a person can tell."""

    item: str
    ok: bool | None
    says: str


def dry_run(prepared: Prepared) -> dict[str, Any]:
    """The plan of a backfill with its times and its checklist; starts and writes nothing."""
    asked, plan = prepared.asked, prepared.plan
    limits = bounds(plan, prepared.seconds, asked.parallel)
    queue = prepared.queue(Strategy(asked.strategy), grain_of(asked.orchestrator), asked.parallel)
    taken, _ = makespan(queue, prepared.seconds)
    standing = _standing(prepared)
    return {
        "version": asked.version,
        "strategy": asked.strategy,
        "partitions": list(plan.keys),
        "cells": len(plan.cells),
        "saved": len(plan.saved),
        "upstream": [f"{cell.step} {cell.key}" for cell in plan.earlier],
        "waves": [[f"{cell.step} {cell.key}" for cell in wave] for wave in waves(plan)],
        "critical_path": [f"{cell.step} {cell.key}" for cell in limits.critical_path],
        "critical_seconds": round(limits.critical_seconds, 3),
        "work_seconds": round(limits.work_seconds, 3),
        "lower_bound_seconds": round(limits.lower, 3),
        "estimated_seconds": round(taken, 3),
        "slots": asked.parallel,
        "unknown_durations": sorted({cell.step for cell in plan.cells} - set(prepared.steps_seconds)),
        "would_replace": [f"{entry.reference.step} {entry.reference.partition}" for entry in standing],
        "checklist": [asdict(item) for item in _checklist(prepared, standing)],
    }


def _standing(prepared: Prepared) -> list[Materialization]:
    """What stands in production of the cells that would be computed: replaced when the version is promoted."""
    production = Store(prepared.root, prepared.pipeline, PRODUCTION)
    found = (production.entry(*cell) for cell in prepared.plan.cells)
    return [entry for entry in found if entry is not None]


def _checklist(prepared: Prepared, standing: list[Materialization]) -> list[Item]:
    asked, plan = prepared.asked, prepared.plan
    store = Store(prepared.root, prepared.pipeline, asked.version)
    known = manifests(store)
    scope = f"{len(plan.keys)} partitions, {len(plan.cells)} steps to run, {len(plan.saved)} stand already"
    again = asked.version in known
    isolation = (
        f"version {asked.version}, {'which is continued' if again else 'which is new'}; production is not written"
    )
    commit = git_state(Path.cwd())["commit"]
    drop = command("backfill", "drop", asked.pipeline, asked.version, root=prepared.root)
    status = command("status", asked.pipeline, "--version", asked.version, root=prepared.root)
    return [
        Item("scope", bool(plan.cells), f"{scope}: {asked.first} to {asked.last}"),
        _resources(prepared, standing),
        Item("isolation of output", ok=True, says=isolation),
        Item("baseline to compare with", bool(standing), f"{len(standing)} of {len(plan.cells)} stand in production"),
        Item("rollback", ok=True, says=f"'{drop}' until it is promoted"),
        *_effects(prepared),
        Item("owner", ok=True, says=f"{getpass.getuser()}, code {str(commit)[:12]}"),
        Item("monitoring", None, f"'{status}' tells; who looks?"),
    ]


def _effects(prepared: Prepared) -> list[Item]:
    """What is done to the world outside, if any step does something."""
    names = ", ".join(step.name for step in prepared.pipeline.steps if step.effect)
    runs = prepared.asked.effects
    says = f"{names}: {'run for each partition' if runs else 'not run; --effects runs them'}"
    return [Item("effects", None if runs else True, says)] if names else []


def _resources(prepared: Prepared, standing: list[Materialization]) -> Item:
    """Whether there is room, judged by the size of what was made before."""
    pools = ", ".join(f"{pool.name} {pool.slots}" for pool in prepared.pipeline.pools) or "no pools"
    says = f"{prepared.asked.parallel} at once; {pools}"
    if "://" in prepared.root or not standing:
        return Item("resources", None, f"{says}; how much room it takes is not known")
    each = sum(entry.reference.bytes for entry in standing) / len(standing)
    needed = int(each * len(prepared.plan.cells) * _ROOM)
    place = Path(prepared.root)
    free = shutil.disk_usage(next(path for path in (place, *place.parents) if path.exists())).free
    return Item("resources", free > needed, f"{says}; about {needed / 1e6:.0f} MB needed, {free / 1e6:.0f} MB free")
