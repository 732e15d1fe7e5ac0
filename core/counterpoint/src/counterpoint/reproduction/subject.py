"""What is to be made again: the model of a registered version, or the outputs of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.lineage import find_lineage, find_version
from counterpoint.lineage.registry import TAG
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Target:
    """One output: its step, its element if the step is mapped, and the digest that was recorded."""

    step: str
    index: int | None
    digest: str

    @property
    def name(self) -> str:
        """As a lineage calls it."""
        return self.step if self.index is None else f"{self.step}.{self.index}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A registered model or a run: its lineage, and its outputs that are to be made again.

    `models` says that these are the outputs of one model's step; else those are meant that a pipeline can make again,
    which its description tells.
    """

    name: str
    root: str
    lineage: Mapping[str, Any]
    targets: tuple[Target, ...]
    is_model: bool


def subject_of(root: str, name: str) -> Subject:
    """What a name names.

    Args:
        root: The root.
        name: `MODEL` (its champion), `MODEL@VERSION` or `MODEL/VERSION`, `MODEL@ALIAS`, or the id of a run.

    Raises:
        UsageError: it names nothing below the root, or the lineage does not know the model.
    """
    tags = find_version(Objects(root), name)
    run_id = tags[f"{TAG}.run_id"] if tags else name
    lineage = find_lineage(root, run_id)
    targets = _targets(lineage)
    if tags:
        step, digest = tags[f"{TAG}.step"], tags[f"{TAG}.digest"]
        targets = tuple(target for target in targets if (target.step, target.digest) == (step, digest))
    if not targets:
        raise UsageError(
            f"the lineage of {name} (run {run_id}) names no output that could be made again: name a run that made one"
        )
    return Subject(name, root, lineage, targets, bool(tags))


def _targets(lineage: Mapping[str, Any]) -> tuple[Target, ...]:
    single = [Target(step, None, output["digest"]) for step, output in lineage["outputs"].items()]
    mapped = [
        Target(step, index, output["digest"])
        for step, outputs in lineage.get("elements", {}).items()
        for index, output in enumerate(outputs)
    ]
    return tuple(single + mapped)
