"""What a step function may ask for beside its inputs and settings, by the names of its parameters."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from counterpoint.runtime.context import digest_of
from counterpoint.runtime.effects import idempotency_key, outcomes_digest, outcomes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.runtime.context import StepContext


def provided(context: StepContext, passed: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the kernel provides beside the inputs, by parameter, and the digests of what of it decides the output."""
    values: dict[str, Any] = {}
    told: dict[str, str] = {}
    if "champions" in context.step.provided:
        values["champions"] = _champions(context)
        told["champions"] = digest_of({name: asdict(c) for name, c in values["champions"].items()})
    if "outcomes" in context.step.provided:
        values["outcomes"] = outcomes_of(context, passed)
        told["outcomes"] = outcomes_digest(values["outcomes"])
    if "idempotency_key" in context.step.provided:
        values["idempotency_key"] = idempotency_key(context)
    return values, told


def _champions(context: StepContext) -> dict[str, Any]:
    from counterpoint.lineage import champions

    return champions(context.store, context.request.partition)
