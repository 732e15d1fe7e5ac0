"""OpenLineage events, put together of what is recorded of an attempt; imported only where events are sent."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from openlineage.client import facet_v2 as facets
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

from counterpoint import __version__
from counterpoint.model import Materialization, OutputKind, load
from counterpoint.orchestrators import version_of
from counterpoint.redaction import redacted, shows_rows
from counterpoint.runtime.inputs import standing_elements
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model import ArtifactRef, Input, StepRecord
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product

NAMESPACE = "OPENLINEAGE_NAMESPACE"
PRODUCER = f"urn:counterpoint:{__version__}"
# the key in the metadata of a contract's column that names where it comes from: ["step.column", ...]
SOURCES = "sources"


def start(context: StepContext) -> RunEvent:
    """An attempt begins."""
    return _event(context, RunState.START, {})


def complete(context: StepContext, product: Product) -> RunEvent:
    """An attempt ended well: what it read and made, and how its checks went."""
    tests = [
        facets.test_run.TestExecution(
            name=str(check.get("name")),
            status="pass" if check.get("passed") else "fail",
            description=redacted(str(check.get("description") or "")) or None,
        )
        for check in product.checks
    ]
    more = {"test": facets.test_run.TestRunFacet(tests)} if tests else {}
    return _event(context, RunState.COMPLETE, more, _inputs(context), [_output(context, product)])


def fail(context: StepContext, record: StepRecord) -> RunEvent:
    """An attempt failed."""
    error = record.error
    words = redacted(f"{error.type}: {error.message}" + (f" ({error.where})" if error.where else "")) if error else ""
    more = {"errorMessage": facets.error_message_run.ErrorMessageRunFacet(words, "python")}
    return _event(context, RunState.FAIL, more, _inputs(context))


def _event(
    context: StepContext,
    state: RunState,
    more: Mapping[str, Any],
    inputs: list[InputDataset] | None = None,
    outputs: list[OutputDataset] | None = None,
) -> RunEvent:
    kind = facets.job_type_job.JobTypeJobFacet("BATCH", "COUNTERPOINT", "STEP")
    job = Job(_namespace(), f"{context.pipeline.name}.{context.step.name}", {"jobType": kind})
    run = Run(_id(context, context.step.name, str(context.index), str(context.attempt)), {**_facets(context), **more})
    return RunEvent(
        eventTime=datetime.now(UTC).isoformat(),
        eventType=state,
        run=run,
        job=job,
        producer=PRODUCER,
        inputs=inputs or [],
        outputs=outputs or [],
    )


def _namespace() -> str:
    return os.environ.get(NAMESPACE) or "counterpoint"


def _id(context: StepContext, *parts: str) -> str:
    """The same for all events of an attempt, or of a run, in whatever process they are made."""
    return str(uuid5(NAMESPACE_URL, "/".join([context.request.root, context.request.run_id, *parts])))


def _facets(context: StepContext) -> dict[str, Any]:
    parent, orchestrator = facets.parent_run, context.request.orchestrator
    run_id, name = _id(context), context.pipeline.name
    root = parent.Root(parent.RootRun(run_id), parent.RootJob(_namespace(), name))
    return {
        "parent": parent.ParentRunFacet(parent.Run(run_id), parent.Job(_namespace(), name), root),
        "nominalTime": facets.nominal_time_run.NominalTimeRunFacet(
            context.partition.start.isoformat(), context.partition.end.isoformat()
        ),
        "processing_engine": facets.processing_engine_run.ProcessingEngineRunFacet(
            version_of(orchestrator) or "unknown", orchestrator, __version__
        ),
    }


def _dataset(context: StepContext, reference: ArtifactRef) -> tuple[str, str]:
    """The namespace and the name of all that a step stores in a version: `file`, or the bucket, and the path."""
    room = layout.TABLES if reference.kind == OutputKind.TABLE else layout.ARTIFACTS
    uri = context.store.uri(layout.artifacts_folder_of(context.store.path(reference.uri, room)))
    parts = urlsplit(uri)
    return (f"{parts.scheme}://{parts.hostname}", parts.path.strip("/")) if parts.scheme else ("file", uri)


def _inputs(context: StepContext) -> list[InputDataset]:
    """What the step reads, a dataset for each step before it, as of the newest partition that stands."""
    newest: dict[str, Materialization] = {}
    for each in context.step.inputs:
        for entry in _entries(context, each):
            before = newest.get(each.step)
            if entry.reference.uri and (before is None or before.reference.partition <= entry.reference.partition):
                newest[each.step] = entry
    return [
        InputDataset(
            *_dataset(context, entry.reference),
            facets={**_schema(entry.columns, None), **_version(entry.reference)},
        )
        for entry in [*newest.values(), *_external(context)]
    ]


def _external(context: StepContext) -> Iterator[Materialization]:
    """The newest partition of each input from another pipeline."""
    for external in context.external.values():
        entries = [entry for entry in external.entries.values() if entry and entry.reference.uri]
        yield from entries[-1:]


def _entries(context: StepContext, each: Input) -> list[Materialization]:
    if each.window is None and context.pipeline.step(each.step).map_over is not None:
        return standing_elements(context, each.step)
    partitions, partition = context.pipeline.partitions, context.request.partition
    keys = each.window.keys(partitions, partition) if each.window else (partition,)
    return [entry for key in keys if (entry := context.store.entry(each.step, key))]


def _output(context: StepContext, product: Product) -> OutputDataset:
    contract = load(context.step.output.contract) if context.step.output.contract else None
    described = {**_schema(product.columns, contract), **_version(product.reference)}
    statistics = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=product.reference.rows, size=product.reference.bytes
    )
    return OutputDataset(
        *_dataset(context, product.reference),
        facets={**described, **_quality(product), **_column_lineage(context, product, contract)},
        outputFacets={"outputStatistics": statistics},
    )


def _version(reference: ArtifactRef) -> dict[str, Any]:
    version = reference.digest if reference.table_version is None else str(reference.table_version)
    return {"version": facets.dataset_version_dataset.DatasetVersionDatasetFacet(version)}


def _columns_of(contract: Any) -> Mapping[str, Any]:
    columns: Mapping[str, Any] = getattr(contract, "columns", None) or {}
    return columns


def _schema(columns: Mapping[str, str] | None, contract: Any) -> dict[str, Any]:
    """Names and types; what a column means, where its contract says so."""
    if not columns:
        return {}
    declared, field = _columns_of(contract), facets.schema_dataset.SchemaDatasetFacetFields
    fields = [
        field(name=name, type=kind, description=getattr(declared.get(name), "description", None))
        for name, kind in columns.items()
    ]
    return {"schema": facets.schema_dataset.SchemaDatasetFacet(fields)}


def _quality(product: Product) -> dict[str, Any]:
    """Rows, bytes, nulls; least and greatest of numbers, where values of rows may be shown."""
    statistics = product.details.get("columns")
    if not statistics:
        return {}
    quality = facets.data_quality_metrics_dataset
    columns = {
        name: quality.ColumnMetrics(nullCount=about["nulls"], **(_range(about) if shows_rows() else {}))
        for name, about in statistics.items()
    }
    facet = quality.DataQualityMetricsDatasetFacet(
        columnMetrics=columns, rowCount=product.reference.rows, bytes=product.reference.bytes
    )
    return {"dataQualityMetrics": facet}


def _range(about: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: about[name] for name in ("min", "max")}
    return {
        name: value for name, value in values.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _column_lineage(context: StepContext, product: Product, contract: Any) -> dict[str, Any]:
    """Which columns of which inputs a column comes from, where the contract says so; nothing is guessed."""
    lineage = facets.column_lineage_dataset
    inputs = {each.step: entries[-1] for each in context.step.inputs if (entries := _entries(context, each))}
    fields_by_column: dict[str, Any] = {}
    for name, column in _columns_of(contract).items():
        sources = [text.partition(".") for text in (getattr(column, "metadata", None) or {}).get(SOURCES, ())]
        fields = [
            lineage.InputField(*_dataset(context, inputs[step].reference), field)
            for step, _, field in sources
            if step in inputs
        ]
        if fields and name in (product.columns or {}):
            fields_by_column[name] = lineage.Fields(inputFields=fields)
    return {"columnLineage": lineage.ColumnLineageDatasetFacet(fields_by_column)} if fields_by_column else {}
