"""Failures of single runs: the steps of a partition whose last attempt in production failed for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.model import RunDecision, Status, order, verdict
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from counterpoint.model import Pipeline
    from counterpoint.storage import Store


def last_failed(store: Store, partition: str) -> dict[str, Status]:
    """The steps of a partition that failed in the run that began them last, and the steps that this blocks.

    A step that has begun again since is not among them, nor is one that will be retried.
    """
    name, failed = store.pipeline.name, dict[str, Status]()
    for step in store.pipeline.step_names:
        begun = store.get_json(layout.begun_step(name, partition, step))
        if begun and _has_failed(store, begun["run_id"], step):
            failed[step] = Status.FAILED
    return consequences(store.pipeline, failed) if failed else {}


def _has_failed(store: Store, run_id: str, step: str) -> bool:
    name, element = store.pipeline.name, None
    if store.pipeline.step(step).map_over is None:
        paths: Iterable[str] = [layout.step_failures(name, run_id, step, element)]
    else:
        listed = store.list(layout.run_folder(name, run_id))
        paths = [path for path in listed if path.endswith(layout.FAILURES) and layout.element_of(path)[0] == step]
    for path in paths:
        attempts = (store.get_json(path) or {}).get("attempts", [])
        record = store.get_json(layout.step_record(name, run_id, *layout.element_of(path))) or {}
        is_final = any(attempt["last"] for attempt in attempts)
        if is_final and record.get("status") != Status.SUCCESS:
            return True
    return False


def consequences(
    pipeline: Pipeline, ended: Mapping[str, Status], selects: Callable[[str], bool] = lambda _: True
) -> dict[str, Status]:
    """The states of steps that have ended, and of those that will not run because of them."""
    known = dict(ended)
    for name in order(pipeline):
        if selects(name) and name not in known:
            decision = verdict(pipeline.step(name), known, {})
            if decision is not RunDecision.RUN:
                known[name] = Status(decision.value)
    return known
