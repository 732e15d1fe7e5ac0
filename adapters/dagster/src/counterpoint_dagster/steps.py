"""What an asset's op does: execute one step by core, pass its reference on, tell Dagster what was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from counterpoint_dagster.policies import ask_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from counterpoint.model import Pipeline, Reference, RunRequest, Step

REFERENCES = "references"
REQUEST = "counterpoint/request"
CHECK = "contract"


def request_of(pipeline: str, run: Any, partition: str, selected: tuple[str, ...] | None) -> RunRequest:
    """The request in a run's tags; of a run that Dagster itself started, one made of its partition."""
    from counterpoint.model import RunRequest
    from counterpoint.running import native_request

    if REQUEST in run.tags:
        return RunRequest.from_json(run.tags[REQUEST])
    from dataclasses import replace

    return replace(native_request(pipeline, partition, run.run_id, "dagster"), steps=selected)


class CatalogueIOManager(dg.ConfigurableIOManager):
    """Passes references: an output is handed on within its run, and read from what stands by any other run.

    Swap it by the resource key `references`; data itself is written and read by core.
    """

    pipeline: str

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Keeps the reference (a list for a mapped step) under the run."""
        step = context.asset_key.to_user_string()
        request, store = self._of(context.step_context, context.partition_key)
        given = [o.to_dict() for o in obj] if isinstance(obj, list) else obj.to_dict()
        store.put_json(f"runs/{store.pipeline.name}/{request.run_id}/handed/{step}.json", {"given": given})

    def load_input(self, context: dg.InputContext) -> Any:
        """The reference that an upstream step of this run handed on (None: it did not), else what stands."""
        from counterpoint.running import decode_references

        step = context.asset_key.to_user_string()
        request, store = self._of(context.step_context, context.partition_key)
        handed = store.get_json(f"runs/{store.pipeline.name}/{request.run_id}/handed/{step}.json")
        return decode_references(handed["given"]) if handed else None

    def _of(self, step_context: Any, partition: str) -> tuple[RunRequest, Any]:
        from counterpoint.running import find_pipeline
        from counterpoint.storage import Store

        request = request_of(self.pipeline, step_context.dagster_run, partition, selected_of(step_context))
        pipeline = find_pipeline(request.pipeline)
        return request, Store(request.root, pipeline, request.version)


def selected_of(step_context: Any) -> tuple[str, ...] | None:
    """The steps that a run materializes, None when it is all of them."""
    selection = step_context.dagster_run.asset_selection
    return None if selection is None else tuple(sorted(key.to_user_string() for key in selection))


def body(pipeline: Pipeline, step: Step, loaded: list[str]) -> Callable[..., Any]:
    """The function of an asset; its parameters, which Dagster reads from the signature, are the loaded steps."""

    def materialize(context: dg.AssetExecutionContext, **given: Any) -> Iterator[Any]:
        yield from _materialize(context, pipeline, step, given)

    import inspect

    kinds = inspect.Parameter
    parameters = [kinds("context", kinds.POSITIONAL_OR_KEYWORD, annotation=dg.AssetExecutionContext)]
    parameters += [kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in loaded]
    materialize.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    materialize.__annotations__ = {"context": dg.AssetExecutionContext}
    return materialize


def _materialize(
    context: dg.AssetExecutionContext, pipeline: Pipeline, step: Step, given: Mapping[str, Any]
) -> Iterator[Any]:
    from counterpoint.running import condition_holds

    request = request_of(pipeline.name, context.run, context.partition_key, selected_of(context))
    references = {name: found for name, found in given.items() if found is not None}
    try:
        if not condition_holds(request, step.name, references):
            context.log.info("%s: its branch chose otherwise", step.name)
            return
        made = _execute(request, step, references, context.retry_number + 1)
    except Exception as error:  # noqa: BLE001 - Dagster is told what it was, and whether to try again
        ask_again(step, error, context.retry_number)
    record = record_of(request, step)
    yield dg.Output(made, metadata=metadata_of(made, record))
    if step.output.contract:
        yield dg.AssetCheckResult(passed=True, check_name=CHECK, asset_key=step.name, metadata=_facts(record))


def _execute(request: RunRequest, step: Step, references: Mapping[str, Any], attempt: int) -> Any:
    from counterpoint.running import Attempt, elements, execute, execute_in_child

    indices = range(elements(request, step.name, references)) if step.map_over else (None,)
    if step.timeout:
        limit = step.timeout.total_seconds()
        parts = [execute_in_child(Attempt(request, step.name, references, attempt, i), limit) for i in indices]
    else:
        parts = [execute(request, step.name, references, attempt=attempt, index=i) for i in indices]
    return parts if step.map_over else parts[0]


def record_of(request: RunRequest, step: Step) -> Mapping[str, Any]:
    """What core recorded of the step (its first element, of a mapped one)."""
    from counterpoint.running import work_for

    work = work_for(request, step.name)
    suffix = ".0" if step.map_over else ""
    path = f"runs/{work.pipeline.name}/{request.run_id}/{step.name}{suffix}.json"
    return work.store.get_json(path) or {}


def metadata_of(made: Reference | list[Reference], record: Mapping[str, Any]) -> dict[str, Any]:
    """What the asset's page shows: where it lies, rows, digest, columns, metrics, MLflow runs."""
    first = made[0] if isinstance(made, list) else made
    details = record.get("details", {})
    columns = [dg.TableColumn(name, kind) for name, kind in (record.get("columns") or {}).items()]
    shown: dict[str, Any] = {
        "uri": dg.MetadataValue.path(first.uri),
        "digest": first.digest,
        "bytes": first.bytes,
        "reused": bool(record.get("reused")),
        "dagster/row_count": first.rows,
        "table_version": first.table_version,
        "dagster/column_schema": dg.TableSchema(columns) if columns else None,
        "metrics": dict(record.get("metrics", {})) or None,
        **{name: details[name] for name in details if details[name]},
    }
    return {name: value for name, value in shown.items() if value is not None}


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    checks = record.get("checks", ())
    return dict(checks[0]["metadata"]) if checks else {"reused": True}
