"""The op of an asset: it executes one step by core, passes its reference on, and reports the output to Dagster."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from counterpoint_dagster.binding import Binding
from counterpoint_dagster.keys import CHECK
from counterpoint_dagster.policies import raise_retry
from counterpoint_dagster.waits import must_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from counterpoint.model import ArtifactRef, RunRequest, Step


class CatalogueIOManager(dg.ConfigurableIOManager):
    """Passes references of outputs between the steps of a run; core reads all other references from its catalog.

    Replace it by the resource key `<pipeline>_references`; core writes and reads the data itself.
    """

    pipeline: str
    # JSON, in definitions of a team's own installation
    configuration: str | None = None

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Stores the reference (a list for a mapped step) under the run."""
        store, path = self._place(context)
        references = [o.to_dict() for o in obj] if isinstance(obj, list) else obj.to_dict()
        store.put_json(path, {"given": references})

    def load_input(self, context: dg.InputContext) -> Any:
        """The reference that an upstream step of this run stored, or None."""
        from counterpoint.runtime import decode_references

        store, path = self._place(context)
        document = store.get_json(path)
        return decode_references(document["given"]) if document else None

    def _place(self, context: dg.InputContext | dg.OutputContext) -> tuple[Any, str]:
        from counterpoint.model import Configuration
        from counterpoint.runtime import context_of
        from counterpoint.storage import layout

        step, run = context.asset_key.path[-1], context.step_context.dagster_run
        configuration = Configuration.from_json(self.configuration) if self.configuration else None
        step_context = context_of(Binding(self.pipeline, configuration=configuration).request_of(run), step)
        return step_context.store, layout.step_handed(step_context.pipeline.name, step_context.request.run_id, step)


def body(binding: Binding, step: Step, loaded: list[str]) -> Callable[..., Any]:
    """The function of an asset; its parameters are the loaded steps, which Dagster reads from the signature."""

    def materialize(context: dg.AssetExecutionContext, **upstream: Any) -> Iterator[Any]:
        yield from execute(context, binding.request_of(context.run), step, upstream)

    kinds = inspect.Parameter
    parameters = [kinds("context", kinds.POSITIONAL_OR_KEYWORD, annotation=dg.AssetExecutionContext)]
    parameters += [kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in loaded]
    materialize.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    materialize.__annotations__ = {"context": dg.AssetExecutionContext}
    return materialize


def execute(
    context: dg.AssetExecutionContext, request: RunRequest, step: Step, upstream: Mapping[str, Any]
) -> Iterator[Any]:
    """Executes a step, and yields its output and the result of its asset check.

    Args:
        context: What Dagster gives to the op.
        request: The request of the run.
        step: The step.
        upstream: The references of the outputs that it reads, by step.

    Raises:
        dagster.RetryRequested: The step failed, and another attempt is due.
        dagster.Failure: The step failed for good.
    """
    from counterpoint.runtime import describe, step_record, why_skipped

    references = {name: reference for name, reference in upstream.items() if reference is not None}
    try:
        reason = why_skipped(request, step.name, references)
        if reason or must_wait(context, request, step):
            context.log.info("%s is skipped: %s", step.name, reason or "it has to wait")
            return
        output = _execute(request, step, references, context.retry_number + 1)
    except Exception as error:  # noqa: BLE001 - `raise_retry` tells Dagster the error, and whether to retry
        info = describe(error)
        if step.output.contract and info.type == "ContractError":
            yield dg.AssetCheckResult(
                passed=False, check_name=CHECK, asset_key=context.asset_key, description=info.message
            )
        raise_retry(step, error, context.retry_number)
    record = step_record(request, step.name, 0 if step.map_over else None)
    yield dg.Output(output, metadata=metadata_of(output, record))
    if step.output.contract:
        yield dg.AssetCheckResult(passed=True, check_name=CHECK, asset_key=context.asset_key)


def _execute(request: RunRequest, step: Step, references: Mapping[str, Any], attempt: int) -> Any:
    from counterpoint.runtime import Attempt, elements, execute_attempt

    limit = step.timeout.total_seconds() if step.timeout else None
    if step.map_over is None:
        return execute_attempt(Attempt(request, step.name, references, attempt), limit)
    count = elements(request, step.name, references)
    attempts = [Attempt(request, step.name, references, attempt, index) for index in range(count)]
    return _all_of([partial(execute_attempt, element, limit) for element in attempts])


def _all_of(elements: Sequence[Callable[[], ArtifactRef]]) -> list[ArtifactRef]:
    """The references of all elements; if one fails, the others are still computed before the step fails.

    Raises:
        Exception: the first retryable error of an element, if there is one, otherwise the first error.
    """
    references: list[ArtifactRef] = []
    failures: list[Exception] = []
    for compute in elements:
        try:
            references.append(compute())
        except Exception as error:  # noqa: BLE001 - the later elements are computed first, whatever the error
            failures.append(error)
    if failures:
        from counterpoint.model import is_retryable

        raise next(filter(is_retryable, failures), failures[0])
    return references


def metadata_of(output: ArtifactRef | list[ArtifactRef], record: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata on the asset's page: URI, rows, digest, columns with statistics, metrics, MLflow runs, lineage."""
    first = output[0] if isinstance(output, list) else output
    details = record.get("details", {})
    columns = [dg.TableColumn(name, column["type"]) for name, column in details.get("columns", {}).items()]
    metadata: dict[str, Any] = {
        **details,
        **{name: getattr(first, name) for name in ("uri", "digest", "bytes", "table_version")},
        "dagster/row_count": first.rows,
        "dagster/column_schema": dg.TableSchema(columns) if columns else None,
        "metrics": dict(record.get("metrics", {})),
    }
    return {name: value for name, value in metadata.items() if value not in (None, {}, [])}
