"""The inputs of a step as they were recorded, copied into a root of their own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DamagedOutputError, StorageError
from counterpoint.model import ArtifactRef, Input, Materialization
from counterpoint.runtime.external import other_of
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Pipeline, Step, Wait

_NO_HASH = "0" * 16


@dataclass
class Inputs:
    """Copies what steps read from the root where it was recorded into another one; each output once.

    `missing` are inputs that are not kept any more, `changed` those that are not what was recorded.
    """

    pipeline: Pipeline
    lineage: Mapping[str, Any]
    source: Store
    target: Store
    missing: list[str] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)
    _copied: dict[tuple[str, str], ArtifactRef] = field(default_factory=dict)

    def references(self, step: Step) -> dict[str, Any]:
        """Brings all that a step reads; returns the references that steps of the same partition would have passed."""
        passed: dict[str, Any] = {}
        for each in step.inputs:
            if each.window is not None:
                self._window(each)
            elif (reference := self._same_partition(each.step)) is not None:
                passed[each.step] = reference
        for wait in step.external_inputs:
            self._external(step, wait)
        return passed

    def _external(self, step: Step, wait: Wait) -> None:
        """Brings what a step read from another pipeline into production of that pipeline below the other root."""
        recorded = self.lineage.get("external_inputs", {}).get(step.name, {}).get(wait.parameter)
        if recorded is None:
            self.missing.append(f"{wait.source}, read by {step.name}: the lineage does not name it")
            return
        other = other_of(self.pipeline, step, wait)
        source, target = Store(self.source.root, other), Store(self.target.root, other)
        copies = replace(self, pipeline=other, source=source, target=target, _copied={})
        for key, output in recorded["partitions"].items():
            if output is not None:
                copies.copy(recorded["step"], key, output)

    def _window(self, each: Input) -> None:
        assert each.window is not None  # noqa: S101 - told apart by the caller
        recorded = self.lineage["inputs"].get(each.step, {})
        for key in each.window.keys(self.pipeline.partitions, self.lineage["partition"]):
            if key in recorded:
                self.copy(each.step, key, recorded[key])
            else:
                self.missing.append(f"{each.step} of {key}: the lineage does not name it")

    def _same_partition(self, name: str) -> ArtifactRef | list[ArtifactRef] | None:
        """What a step of the run passed on; None where it failed or was skipped."""
        partition = self.lineage["partition"]
        if self.pipeline.step(name).map_over is not None:
            outputs = self.lineage.get("elements", {}).get(name, [])
            copies = [self.copy(name, f"{partition}.{index}", output) for index, output in enumerate(outputs)]
            return [copy for copy in copies if copy]
        output = self.lineage["outputs"].get(name)
        return self.copy(name, partition, output) if output else None

    def copy(self, name: str, key: str, recorded: Mapping[str, Any]) -> ArtifactRef | None:
        """Copies one recorded output; None where it is lost or changed, which is noted."""
        if (name, key) in self._copied:
            return self._copied[name, key]
        step = self.pipeline.step(name)
        reference = ArtifactRef(
            name, key, step.output.kind, recorded["uri"], recorded["table_version"], recorded["rows"], 0,
            recorded["digest"],
        )  # fmt: skip
        try:
            value = self.source.read(reference)
        except DamagedOutputError as damage:
            self._tell(reference, damage)
            return None
        except StorageError as error:
            self.missing.append(f"{name} of {key}: {error}")
            return None
        copy = self.target.write(step, key, value, _NO_HASH)
        entry = Materialization(
            copy, recorded["fingerprint"], {}, _NO_HASH, recorded["digest"], recorded["run_id"], _columns(value)
        )
        self.target.publish(entry)
        self._copied[name, key] = copy
        return copy

    def _tell(self, reference: ArtifactRef, damage: DamagedOutputError) -> None:
        """Tells content that is another one from content that is lost."""
        named = f"{reference.step} of {reference.partition}"
        try:
            self.source.load(reference)
        except StorageError:
            self.missing.append(f"{named}: {damage.place} {damage.what}")
        else:
            self.changed.append((named, reference.digest))


def _columns(value: Any) -> dict[str, str] | None:
    schema = getattr(value, "schema", None)
    return None if schema is None else {name: str(kind) for name, kind in schema.items()}
