"""What a backfill lacks of other pipelines: it waits for these partitions, and does not make them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from counterpoint.errors import MissingInputError
from counterpoint.runtime.external import missing_inputs

if TYPE_CHECKING:
    from counterpoint.backfill.backfill import Prepared


@dataclass(frozen=True, slots=True)
class MissingExternal:
    """A partition of a step of another pipeline that is not published, and the steps of the plan that need it.

    `command` makes it; None: it lies before the first partition of the other pipeline, as `note` says.
    """

    pipeline: str
    step: str
    partition: str
    command: str | None
    note: str | None = None
    needed_by: list[str] = field(default_factory=list)


def missing_external(prepared: Prepared) -> list[MissingExternal]:
    """What the steps to compute lack of other pipelines, each partition once, in the order of the plan."""
    missing: dict[tuple[str, str, str], MissingExternal] = {}
    for cell in prepared.plan.cells:
        request, step = prepared.request(cell.key), prepared.pipeline.step(cell.step)
        try:
            lacking = missing_inputs(prepared.pipeline, step, request)
        except MissingInputError as error:
            missing["", cell.step, cell.key] = MissingExternal(
                ", ".join(wait.target for wait in step.external_inputs), cell.step, cell.key, None, str(error)
            )
            continue
        for external, key in lacking:
            name = (external.pipeline.name, external.step.name, key)
            entry = missing.setdefault(name, MissingExternal(*name, external.command(key)))
            entry.needed_by.append(f"{cell.step} {cell.key}")
    return list(missing.values())
