"""What a model was made from: the feature set of each model, and the versions of contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.model import OutputKind, load
from counterpoint.storage import json_digest

if TYPE_CHECKING:
    from counterpoint.model import Input, Materialization, Pipeline, RunRequest, Step
    from counterpoint.storage import Store


def feature_sets(store: Store, pipeline: Pipeline, request: RunRequest) -> dict[str, Any]:
    """The tables that each step which makes a model reads.

    Returns:
        By step `version`, a digest of the columns of the tables and of the code that made them, and `tables`: by step
        its `columns`, the digests of its `code`, and by partition `digest` and `table_version`.
    """
    models = [step for step in pipeline.steps if step.output.kind is OutputKind.MODEL]
    tables_by_step = {step.name: _tables(store, pipeline, step, request.partition) for step in models}
    return {name: {"version": _version(tables), "tables": tables} for name, tables in tables_by_step.items() if tables}


def _version(tables: dict[str, Any]) -> str:
    return json_digest({name: [table["columns"], table["code"]] for name, table in tables.items()})


def _tables(store: Store, pipeline: Pipeline, step: Step, partition: str) -> dict[str, Any]:
    by_step: dict[str, dict[str, Materialization]] = {}
    for each in step.inputs:
        if pipeline.step(each.step).output.kind is OutputKind.TABLE:
            by_step.setdefault(each.step, {}).update(_entries(store, pipeline, each, partition))
    return {name: _table(entries) for name, entries in sorted(by_step.items()) if entries}


def _entries(store: Store, pipeline: Pipeline, each: Input, partition: str) -> dict[str, Materialization]:
    keys = each.window.keys(pipeline.partitions, partition) if each.window else (partition,)
    entries = {key: store.entry(each.step, key) for key in keys}
    return {key: entry for key, entry in entries.items() if entry}


def _table(entries: dict[str, Materialization]) -> dict[str, Any]:
    newest = entries[max(entries)]
    references = {key: entry.reference for key, entry in sorted(entries.items())}
    return {
        "columns": dict(newest.columns or {}),
        "code": sorted({entry.code_digest for entry in entries.values()}),
        "partitions": {key: {"digest": r.digest, "table_version": r.table_version} for key, r in references.items()},
    }


def contract_versions(pipeline: Pipeline) -> dict[str, Any]:
    """The contract of each step that has one.

    Returns:
        By step `contract` (`module:name`) and `version`: what the metadata of the schema calls its `version`, else a
        digest of its columns, types and checks; None for a function, whose code is digested elsewhere.
    """
    named = {step.name: step.output.contract for step in pipeline.steps if step.output.contract}
    return {name: {"contract": contract, "version": _contract(load(contract))} for name, contract in named.items()}


def _contract(contract: Any) -> str | None:
    if not hasattr(contract, "columns"):
        return None
    declared = (getattr(contract, "metadata", None) or {}).get("version")
    if declared is not None:
        return str(declared)
    columns = {
        name: [str(column.dtype), column.nullable, column.unique, column.required, _checks(column)]
        for name, column in contract.columns.items()
    }
    return json_digest({"columns": columns, "checks": _checks(contract), "strict": str(contract.strict)})


def _checks(schema: Any) -> list[str]:
    checks = schema.checks or ()
    return sorted(f"{check.name} {check.error or ''} {sorted(_plain(check.statistics))}" for check in checks)


def _plain(statistics: Any) -> list[str]:
    """The limits of a check; a function among them by its name alone, for its address is of one process."""
    return [f"{key}={getattr(value, '__qualname__', value)}" for key, value in (statistics or {}).items()]
