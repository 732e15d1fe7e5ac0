"""The sides of a validation: each returns the output of a step and date; here the side that Counterpoint runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from counterpoint.diff.delta import open_delta, rows_of
from counterpoint.diff.sources import readable
from counterpoint.errors import StorageError
from counterpoint.model import OutputKind, RunRequest
from counterpoint.redaction import redacted, redacted_values
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.context import StepContext, digest_of
from counterpoint.runtime.inputs import is_skipped, standing_elements
from counterpoint.storage import Model, Store, content_digest, json_digest, model_digest
from counterpoint.storage.modelfiles import files_digest
from counterpoint.storage.models import is_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl

    from counterpoint.model import ArtifactRef, Pipeline

VERSION = "validate"
TABLE, MODEL, VALUE = "table", "model", "value"
_KINDS = {OutputKind.TABLE: TABLE, OutputKind.MODEL: MODEL}


@dataclass(frozen=True, slots=True)
class Output:
    """An output of a side: the digest of its content, its place, facts about it, and how it is read.

    `read` returns a `LazyFrame`, a `Model` or a JSON value. `stored` is false for a day of a table without rows and
    files, `whole` is false for a model of which only the weights are known. `texts` are text columns of a table that
    take the type of the other side (`diff.fitting`).
    """

    step: str
    date: str
    kind: str
    digest: str
    place: str
    read: Callable[[], Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    stored: bool = True
    whole: bool = True
    texts: frozenset[str] = frozenset()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"digest": self.digest, "place": self.place, "stored": self.stored, **self.facts}


class Side(Protocol):
    """One side with its outputs."""

    @property
    def name(self) -> str:
        """The orchestrator."""

    def gives(self, step: str) -> str | None:
        """None if the side has the outputs of a step, else the reason why not."""

    def output(self, step: str, date: str) -> Output | None:
        """The output of a step and date; None if there is none."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, from which the side can be restored."""


def kind_of(kind: str) -> str:
    """The way in which outputs of a kind are compared."""
    return _KINDS.get(OutputKind(kind), VALUE)


@dataclass(frozen=True)
class RunSide:
    """The outputs of a backfill in a root of its own; with `afresh`, digests are computed from the stored data."""

    name: str
    root: str
    pipeline_name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    orchestrator_version: str | None = None
    command: Sequence[str] = ()
    afresh: bool = False

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline with the settings of this side."""
        return find_pipeline(self.pipeline_name).configured(self.config)

    @cached_property
    def store(self) -> Store:
        """The store of the outputs."""
        return Store(self.root, self.pipeline, VERSION)

    def gives(self, step: str) -> str | None:
        """None for every step of the pipeline: each was run or skipped."""
        return None if step in self.pipeline.step_names else "the pipeline has no such step"

    def output(self, step: str, date: str) -> Output | None:
        """The published output of a step and date."""
        context = StepContext(
            RunRequest(self.pipeline_name, date, "", self.root), self.pipeline, self.pipeline.step(step), self.store
        )
        if context.step.map_over:
            return self._elements(context)
        entry = None if is_skipped(context, step) else self.store.entry(step, date)
        return None if entry is None else self._output(entry.reference, entry.run_id)

    def _output(self, reference: ArtifactRef, run_id: str) -> Output:
        kind = kind_of(reference.kind)
        facts = {
            "rows": reference.rows,
            "bytes": reference.bytes,
            "table_version": reference.table_version,
            "run_id": run_id,
        }
        digest = self._digest(reference, kind) if self.afresh else reference.digest
        read = (lambda: self._rows(reference)) if kind == TABLE else (lambda: self.store.read(reference))
        return Output(reference.step, reference.partition, kind, digest, reference.uri, read, facts)

    def _digest(self, reference: ArtifactRef, kind: str) -> str:
        try:
            value = self.store.load(reference)
            if kind == MODEL and not is_weights(value):
                return files_digest(self.store.model_files(reference))
        except StorageError as error:
            return f"unreadable: {error}"
        digest_functions: Mapping[str, Callable[[Any], str]] = {
            TABLE: content_digest,
            MODEL: model_digest,
            VALUE: json_digest,
        }
        return digest_functions[kind](value)

    def _rows(self, reference: ArtifactRef) -> pl.LazyFrame:
        partitions = self.pipeline.partitions.kind.value
        where = (partitions, reference.partition) if self.pipeline.step(reference.step).output.partitioned else None
        with readable(f"{reference.step} of {reference.partition} at {reference.uri}"):
            return rows_of(open_delta(reference.uri, reference.table_version), reference.uri, where)

    def _elements(self, context: StepContext) -> Output | None:
        """The elements of a mapped step as one value: a list of values, or of digests of tables or models."""
        outputs = [
            self._output(entry.reference, entry.run_id) for entry in standing_elements(context, context.step.name)
        ]
        if not outputs:
            return None
        digest = digest_of([output.digest for output in outputs])
        facts = {"rows": None, "bytes": None, "table_version": None, "run_id": outputs[0].facts["run_id"]}

        def read() -> list[Any]:
            return [output.read() if output.kind == VALUE else output.digest for output in outputs]

        return Output(context.step.name, context.key, VALUE, digest, outputs[0].place, read, facts)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "sort": "run",
            "name": self.name,
            "root": self.root,
            "version": VERSION,
            "pipeline": self.pipeline_name,
            "config": redacted_values(dict(self.config)),
            "orchestrator_version": self.orchestrator_version,
            "command": redacted(" ".join(self.command)) or None,
        }


def without_parameters(model: Model) -> Model:
    """The model with its weights only."""
    return Model(model.weights, {})
