"""The values that a step function gets by parameter name in addition to its inputs and settings."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from counterpoint.runtime.context import digest_of
from counterpoint.runtime.effects import idempotency_key, outcomes_digest, outcomes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.runtime.context import StepContext


def provided(context: StepContext, passed: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that the kernel provides, by parameter, and the digests of those that decide the output."""
    values: dict[str, Any] = {}
    decisive: dict[str, str] = {}
    if "champions" in context.step.provided:
        values["champions"] = _champions(context)
        decisive["champions"] = digest_of({name: asdict(c) for name, c in values["champions"].items()})
    if "outcomes" in context.step.provided:
        values["outcomes"] = outcomes_of(context, passed)
        decisive["outcomes"] = outcomes_digest(values["outcomes"])
    if "idempotency_key" in context.step.provided:
        values["idempotency_key"] = idempotency_key(context)
    return values, decisive


def _champions(context: StepContext) -> dict[str, Any]:
    from counterpoint.lineage import champions

    return champions(context.store, context.request.partition)
