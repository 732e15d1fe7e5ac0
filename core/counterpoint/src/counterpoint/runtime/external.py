"""Inputs from other pipelines: what is published of them in production, and why a pipeline cannot read them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from counterpoint.commands import command
from counterpoint.errors import (
    ContractError,
    CounterpointError,
    DamagedOutputError,
    DefinitionError,
    MissingInputError,
    UsageError,
)
from counterpoint.model import OutputKind, PartitionMapping, WaitKind, load
from counterpoint.model.cycles import cyclic, unfit
from counterpoint.runtime.registry import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model import ArtifactRef, Materialization, Pipeline, RunRequest, Step, Wait
    from counterpoint.storage import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExternalInput:
    """What a step reads or waits for from another pipeline, for one partition.

    Attributes:
        reader: The step that reads it, as `pipeline.step`.
        wait: Its declaration.
        pipeline: The other pipeline.
        keys: The partitions of the other pipeline, oldest first.
        request: The request of the run that reads it.
        is_single: Whether the parameter receives one value, not a dict.
    """

    reader: str
    wait: Wait
    pipeline: Pipeline
    keys: tuple[str, ...]
    request: RunRequest
    is_single: bool

    @cached_property
    def step(self) -> Step:
        """The step of the other pipeline."""
        return self.pipeline.step(str(self.wait.step))

    @cached_property
    def store(self) -> Store:
        """Production of the other pipeline: a version in work is never read."""
        from counterpoint.storage import Store

        return Store(self.request.inputs_root or self.request.root, self.pipeline)

    @cached_property
    def entries(self) -> Mapping[str, Materialization | None]:
        """What is published, by partition, as of the first look."""
        return {key: self.store.entry(self.step.name, key) for key in self.keys}

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The partitions of which nothing is published, and which no branch of the other pipeline skips."""
        absent = [key for key, entry in self.entries.items() if entry is None]
        return tuple(key for key in absent if not self.store.is_skipped(self.step.name, key))

    @property
    def references(self) -> ArtifactRef | dict[str, ArtifactRef | None] | None:
        """The reference of the one partition, or those of all by partition; None is one that a branch skipped.

        Raises:
            MissingInputError: A partition is not published; holds the command that makes it.
        """
        if self.missing:
            raise MissingInputError(
                f"step {self.reader} of {self.request.partition} needs {self.step.name} of {self.pipeline.name}, of"
                f" which these are not published: {', '.join(self.missing)}; make them first:"
                f" '{self.command(self.missing[0])}'"
            )
        by_key = {key: entry.reference if entry else None for key, entry in self.entries.items()}
        return by_key[self.keys[0]] if self.is_single else by_key

    def command(self, key: str) -> str:
        """The command that makes a partition of the other pipeline."""
        return command("run", self.wait.target, "--date", key, root=self.store.root, env=self.request.env)

    def read(self, reference: ArtifactRef) -> Any:
        """The value of a reference, checked against the contract that the other step has now.

        Raises:
            DamagedOutputError: It is lost, or is not what was written; holds the command that remakes it.
            ContractError: It breaks the contract.
        """
        try:
            value = self.store.read(reference)
        except DamagedOutputError as damage:
            damage.command = self.command(reference.partition)
            raise
        if self.step.output.kind is OutputKind.TABLE and self.step.output.contract:
            self._check(reference, value)
        return value

    def _check(self, reference: ArtifactRef, value: Any) -> None:
        from counterpoint.contracts.check import check

        try:
            contract = load(str(self.step.output.contract))
        except DefinitionError as error:
            log.warning("%s reads %s without its contract: %s", self.reader, self.wait.source, error)
            return
        try:
            check(contract, value, self.step.name, reference.partition)
        except ContractError as error:
            raise ContractError(
                f"step {self.reader} of {self.request.partition} reads {self.step.name} of {self.pipeline.name} for"
                f" {reference.partition}, which breaks the contract that it has now ({error}): make it again:"
                f" '{self.command(reference.partition)}'"
            ) from error

    def described(self) -> dict[str, Any]:
        """What is read, for the record of the step: pipeline, step, and per partition its content and its run."""
        told = {key: _described(entry) if entry else None for key, entry in self.entries.items()}
        return {"pipeline": self.wait.target, "step": self.step.name, "partitions": told}


def _described(entry: Materialization) -> dict[str, Any]:
    reference = entry.reference
    return {
        "kind": reference.kind,
        "digest": reference.digest,
        "table_version": reference.table_version,
        "rows": reference.rows,
        "uri": reference.uri,
        "fingerprint": entry.fingerprint,
        "run_id": entry.run_id,
    }


def external_inputs(pipeline: Pipeline, step: Step, request: RunRequest) -> dict[str, ExternalInput]:
    """The inputs of a step from other pipelines, by parameter.

    Raises:
        UsageError: There is no such pipeline or step, or the step cannot read it.
        MissingInputError: A partition lies before the first one of the other pipeline.
    """
    return {str(wait.parameter): external_input(pipeline, step, wait, request) for wait in step.external_inputs}


def missing_inputs(pipeline: Pipeline, step: Step, request: RunRequest) -> list[tuple[ExternalInput, str]]:
    """The partitions of other pipelines that a step of a run waits for or reads, and that are not published.

    Raises:
        UsageError, MissingInputError: As from `external_inputs`.
    """
    waits = [wait for wait in step.waits if wait.kind is WaitKind.PARTITION]
    inputs = [external_input(pipeline, step, wait, request) for wait in waits]
    return [(external, key) for external in inputs for key in external.missing]


def external_input(pipeline: Pipeline, step: Step, wait: Wait, request: RunRequest) -> ExternalInput:
    """What a step of a run waits for or reads by one of its waits for a partition of another pipeline.

    Raises:
        UsageError, MissingInputError: As from `external_inputs`.
    """
    reader, other = f"{pipeline.name}.{step.name}", other_of(pipeline, step, wait)
    mapping = PartitionMapping.of(wait, pipeline.partitions, other.partitions)
    try:
        keys = mapping.keys(request.partition)
    except UsageError as error:
        raise MissingInputError(f"step {reader} of {request.partition} reads {wait.source}: {error}") from error
    return ExternalInput(reader, wait, other, keys, request, mapping.is_single)


def other_of(pipeline: Pipeline, step: Step, wait: Wait) -> Pipeline:
    """The pipeline that a step waits for or reads.

    Raises:
        UsageError: There is none, or it has no such step, or the step cannot be read so.
    """
    reader = f"{pipeline.name}.{step.name}"
    try:
        other = find_pipeline(wait.target)
    except CounterpointError as error:
        raise UsageError(f"step {reader} reads {wait.source}: {error}") from error
    if other.name == pipeline.name and wait.parameter:
        raise UsageError(f"step {reader} reads {wait.source} of its own pipeline: write windowed(...) for that")
    problem = unfit(reader, wait, other)
    if problem:
        raise UsageError(f"step {problem.what}: {problem.fix}")
    return other


def sources_of(pipeline: Pipeline, step: Step) -> list[tuple[Wait, Pipeline]]:
    """The inputs of a step from other pipelines, each with the other pipeline.

    Raises:
        UsageError: As from `other_of`.
    """
    return [(wait, other_of(pipeline, step, wait)) for wait in step.external_inputs]


def check_external(pipeline: Pipeline) -> None:
    """Refuses a pipeline whose inputs from other pipelines cannot be read, or close a cycle with them.

    Raises:
        UsageError: Names the step, the other pipeline and the fix.
    """
    if not any(step.external_inputs for step in pipeline.steps):
        return
    for step in pipeline.steps:
        sources_of(pipeline, step)
    for problem in cyclic(_around(pipeline)):
        raise UsageError(f"pipelines wait for each other: {problem.what}: {problem.fix}")


def _around(pipeline: Pipeline) -> dict[str, Pipeline]:
    """A pipeline and all that it waits for, directly or not, by the names that waits use."""
    pipelines, todo = {pipeline.name: pipeline}, [pipeline]
    while todo:
        for target in _targets(todo.pop()):
            if target not in pipelines:
                pipelines[target] = find_pipeline(target)
                todo.append(pipelines[target])
    return pipelines


def _targets(pipeline: Pipeline) -> Iterator[str]:
    for step in pipeline.steps:
        yield from (wait.target for wait in step.waits if wait.kind is WaitKind.PARTITION)
