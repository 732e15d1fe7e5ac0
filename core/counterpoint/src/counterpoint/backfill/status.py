"""The state of each step of each partition: the grid of a pipeline, in production or in a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.backfill.lease import is_running
from counterpoint.backfill.plan import PartitionStep
from counterpoint.backfill.records import manifest_in
from counterpoint.backfill.snapshot import Snapshot, freshness_of
from counterpoint.model import PRODUCTION, RunRequest
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.context import StepContext
from counterpoint.runtime.freshness import Freshness, damage_of
from counterpoint.runtime.last_failed import last_failed
from counterpoint.runtime.waits import waiting
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Pipeline

# the shown state of a step without a fresh output, by the state that its run recorded
_RECORDED = {"failed": "failed", "blocked": "blocked", "upstream_failed": "blocked"}
# shown whatever a later run has recorded
_GOOD = {"fresh", "skipped", "damaged"}


def known_partitions(store: Snapshot) -> list[str]:
    """The partitions with an output or an attempt, oldest first."""
    name = store.pipeline.name
    folders = [layout.version_folder(layout.CATALOG, version, name) for version in (PRODUCTION, store.version)]
    folders.append(layout.backfill_folder(name, store.version))
    paths = [path for folder in folders for path in store.list(folder)]
    keys = {layout.name_of(path).partition(".")[0] for path in paths}
    if store.version == PRODUCTION:
        keys |= {layout.begun_step_of(path)[1] for path in store.list(layout.begun_folder(name))}
    return sorted(key for key in keys if key and key[0].isdigit())


def grid(
    root: str, name: str, pipeline: Pipeline, version: str, keys: Sequence[str] = (), *, verify: bool = False
) -> dict[str, Any]:
    """The state of every step and partition; `keys` are the partitions, by default all known ones.

    A step is stale when its code, its settings or any of its inputs would give another output now. It is damaged when
    files of its output are lost, or are not as they were written, which only `verify` checks.
    """
    store = Snapshot(root, pipeline, version)
    shown = list(keys) or known_partitions(store)
    recorded = _recorded(store, shown)
    defaults = find_pipeline(name).config
    overridden = {setting: value for setting, value in pipeline.config.items() if defaults.get(setting) != value}
    rows, damaged = list[dict[str, Any]](), list[dict[str, str]]()
    for key in shown:
        request = RunRequest(name, key, "", root, version=version, steps=(), config=overridden)
        look = Look(store, request, verify)
        states = {s: look.state(PartitionStep(s, key), recorded.get(key, {})) for s in pipeline.step_names}
        rows.append({"date": key, "steps": _with_failures(store, key, states)})
        damaged += look.damaged
    return {
        "pipeline": pipeline.name,
        "version": version,
        "steps": list(pipeline.step_names),
        "partitions": rows,
        "verified": verify,
        "damaged": damaged,
        "waiting": waiting(store, pipeline, version, keys),
    }


def _with_failures(store: Snapshot, key: str, states: Mapping[str, str]) -> dict[str, str]:
    """The states of a partition, with those of single runs that failed: these write production, and no backfill."""
    if store.version != PRODUCTION or set(states.values()) <= _GOOD:
        return dict(states)
    failed = {step: _RECORDED.get(status.value) for step, status in last_failed(store, key).items()}
    return {step: state if state in _GOOD else failed.get(step) or state for step, state in states.items()}


def _recorded(store: Snapshot, keys: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """The states that this version's backfill recorded last; a step of a process that died does not run any more."""
    manifest = manifest_in(store, store.version)
    if manifest is None:
        return {}
    is_active = is_running(manifest)
    paths = {key: layout.backfill_states(store.pipeline.name, store.version, key) for key in keys}
    steps = {key: (store.get_json(path) or {}).get("steps", {}) for key, path in paths.items()}
    return {
        key: {n: state for n, state in states.items() if is_active or state != "running"}
        for key, states in steps.items()
    }


class Look:
    """Reads the states of one partition's steps, and collects the damaged outputs."""

    def __init__(self, store: Snapshot, request: RunRequest, verify: bool) -> None:  # noqa: FBT001 - passed on
        self.store, self.request, self.verify = store, request, verify
        self.damaged: list[dict[str, str]] = []

    def state(self, cell: PartitionStep, recorded: Mapping[str, str]) -> str:
        """The state of a step; the recorded state counts where its output is not fresh."""
        run_state = recorded.get(cell.step)
        if self.store.pipeline.step(cell.step).effect:
            return "running" if run_state == "running" else _RECORDED.get(run_state or "", "effect")
        if run_state in {"running", "skipped"}:
            return run_state
        output = freshness_of(self.store, self.request, cell, verify=self.verify)
        if output is Freshness.DAMAGED:
            self._note(cell)
        is_plain = output in {Freshness.FRESH, Freshness.SKIPPED, Freshness.DAMAGED}
        return str(output.value) if is_plain else _RECORDED.get(run_state or "", output.value)

    def _note(self, cell: PartitionStep) -> None:
        context = StepContext(self.request, self.store.pipeline, self.store.pipeline.step(cell.step), self.store)
        damage = damage_of(context, self.store.inventory, verify=self.verify)
        if damage is not None:
            details = {"file": damage.place, "what": damage.what, "command": damage.command}
            self.damaged.append({"date": cell.key, "step": cell.step, **details})
