"""Checking an output against the contract that its step declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.contracts.validated import failures_of, sentence
from counterpoint.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The one check of an output. Orchestrators that list checks declare it by this name without importing pandera.
CHECK_NAME = "contract"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check; `metadata` are JSON values to show with it."""

    name: str
    passed: bool
    description: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def check(contract: Any, value: Any, step: str, partition: str) -> list[CheckResult]:
    """Checks a value against its contract: a pandera schema, or a callable that raises ContractError.

    Raises:
        ContractError: Names step, partition, column, check, count and three examples.
    """
    if not hasattr(contract, "validate"):
        contract(value)
        return [CheckResult(CHECK_NAME, passed=True, description=str(contract.__doc__ or ""))]
    failures = failures_of(contract, value)
    if failures:
        raise ContractError(
            f"the output of {step} for {partition} breaks its contract: {sentence(failures)};"
            f" nothing of it is published: mend {step}, or its contract {contract.name}"
        )
    columns = list(contract.columns)
    facts = {"rows": len(value), "columns": columns}
    return [CheckResult(CHECK_NAME, passed=True, description=str(contract.description or ""), metadata=facts)]
