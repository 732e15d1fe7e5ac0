"""The outputs of a run, and what each of them was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.redaction import redacted_values
from counterpoint.storage import json_digest, layout

if TYPE_CHECKING:
    from counterpoint.model import Materialization, Pipeline, RunRequest, Step
    from counterpoint.storage import Store


def described(entry: Materialization) -> dict[str, Any]:
    """What stands for a step and partition, for a lineage."""
    reference = entry.reference
    return {
        "digest": reference.digest,
        "table_version": reference.table_version,
        "rows": reference.rows,
        "uri": reference.uri,
        "fingerprint": entry.fingerprint,
        "run_id": entry.run_id,
    }


def outputs(store: Store, pipeline: Pipeline, request: RunRequest) -> dict[str, Any]:
    """What stands for the partition of a run, by step; of mapped steps see `elements`."""
    entries = {step.name: store.entry(step.name, request.partition) for step in pipeline.steps}
    return {name: described(entry) for name, entry in entries.items() if entry}


def elements(store: Store, pipeline: Pipeline, request: RunRequest) -> dict[str, Any]:
    """What stands for each element of the mapped steps of a run."""
    mapped = [step.name for step in pipeline.steps if step.map_over is not None]
    entries_by_step = {name: element_entries(store, name, request.partition) for name in mapped}
    return {name: [described(entry) for entry in entries] for name, entries in entries_by_step.items() if entries}


def element_entries(store: Store, step: str, partition: str) -> list[Materialization]:
    """What stands of a mapped step, all made from one list; what an earlier, longer list left does not count."""
    entries: list[Materialization] = []
    while entry := store.entry(step, f"{partition}.{len(entries)}"):
        if entries and (entry.inputs, entry.settings_hash) != (entries[0].inputs, entries[0].settings_hash):
            break
        entries.append(entry)
    return entries


def made_from(store: Store, pipeline: Pipeline, request: RunRequest) -> dict[str, Any]:
    """What each output of a run was made from, by step; `STEP.INDEX` for an element of a mapped step.

    Returns:
        `code` (a digest without the versions of packages), `settings_hash`, `settings` (a digest by name, of those that
        are no secrets; empty where it was made with others), `inputs` (a digest by parameter), and `outside`: a digest
        of what the step read from outside, None where it read nothing or it was not recorded.
    """
    origins: dict[str, Any] = {}
    for step in pipeline.steps:
        if step.map_over is None:
            if entry := store.entry(step.name, request.partition):
                origins[step.name] = _made_from(store, step, entry, None)
            continue
        for index, entry in enumerate(element_entries(store, step.name, request.partition)):
            origins[f"{step.name}.{index}"] = _made_from(store, step, entry, index)
    return origins


def external_inputs(store: Store, pipeline: Pipeline, request: RunRequest) -> dict[str, Any]:
    """What the outputs of a run were made from in other pipelines, by step and parameter, as was recorded then."""
    inputs: dict[str, Any] = {}
    for step in (step for step in pipeline.steps if step.external_inputs):
        index, part = (None, "") if step.map_over is None else (0, ".0")
        entry = store.entry(step.name, f"{request.partition}{part}")
        path = layout.step_record(pipeline.name, entry.run_id, step.name, index) if entry else None
        record = (store.get_json(path) if path else None) or {}
        if read := record.get("details", {}).get("external"):
            inputs[step.name] = read
    return inputs


def _made_from(store: Store, step: Step, entry: Materialization, index: int | None) -> dict[str, Any]:
    path = layout.step_record(store.pipeline.name, entry.run_id, step.name, index)
    record = store.get_json(path) or {}
    return {
        "code": entry.code_digest,
        "settings_hash": entry.settings_hash,
        "settings": _settings(store.pipeline, step, entry.settings_hash),
        "inputs": dict(entry.inputs),
        "outside": record.get("details", {}).get("outside"),
    }


def _settings(pipeline: Pipeline, step: Step, settings_hash: str) -> dict[str, str]:
    values = {name: pipeline.config[name] for name in step.settings}
    if not json_digest(values).removeprefix("sha256:").startswith(settings_hash):
        return {}
    return {name: json_digest(value) for name, value in values.items() if redacted_values({name: value})[name] == value}
