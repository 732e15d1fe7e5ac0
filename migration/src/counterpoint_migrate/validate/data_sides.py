"""A side of a validation: for a step and a date nothing, or an output; here one that Counterpoint made by running."""

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
    """An output of a side: the digest of its content, where it lies, what is known of it, and how it is read.

    `read` gives a `LazyFrame`, a `Model` or a JSON value. `stored` is False for a day of a table that has no row and
    no file, `whole` for a model of which the weights alone are known. `texts` are columns of a table that have the type
    of the other side (`diff.fitting`).
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
    """What gives the outputs of one side."""

    @property
    def name(self) -> str:
        """The orchestrator."""

    def gives(self, step: str) -> str | None:
        """None when the side gives the outputs of a step, else why not."""

    def output(self, step: str, date: str) -> Output | None:
        """The output of a step and date, or None when there is none."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, of which the same side can be made again."""


def kind_of(kind: str) -> str:
    """How outputs of a kind are compared."""
    return _KINDS.get(OutputKind(kind), VALUE)


@dataclass(frozen=True)
class RunSide:
    """What stands in a root of its own after a backfill; `afresh` has digests reckoned from what lies there."""

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
        """Where the outputs lie."""
        return Store(self.root, self.pipeline, VERSION)

    def gives(self, step: str) -> str | None:
        """Always None: every step was run, or skipped."""
        return None if step in self.pipeline.step_names else "the pipeline has no such step"

    def output(self, step: str, date: str) -> Output | None:
        """What stands of a step and date."""
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
        reckoned: Mapping[str, Callable[[Any], str]] = {TABLE: content_digest, MODEL: model_digest, VALUE: json_digest}
        return reckoned[kind](value)

    def _rows(self, reference: ArtifactRef) -> pl.LazyFrame:
        partitions = self.pipeline.partitions.kind.value
        where = (partitions, reference.partition) if self.pipeline.step(reference.step).output.partitioned else None
        with readable(f"{reference.step} of {reference.partition} at {reference.uri}"):
            return rows_of(open_delta(reference.uri, reference.table_version), reference.uri, where)

    def _elements(self, context: StepContext) -> Output | None:
        """The elements of a mapped step as one value: of each its value, or the digest of a table or model."""
        found = [self._output(entry.reference, entry.run_id) for entry in standing_elements(context, context.step.name)]
        if not found:
            return None
        digest = digest_of([output.digest for output in found])
        facts = {"rows": None, "bytes": None, "table_version": None, "run_id": found[0].facts["run_id"]}

        def read() -> list[Any]:
            return [output.read() if output.kind == VALUE else output.digest for output in found]

        return Output(context.step.name, context.key, VALUE, digest, found[0].place, read, facts)

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
    """The weights of a model alone."""
    return Model(model.weights, {})
