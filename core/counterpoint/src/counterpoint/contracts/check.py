"""Checking an output against the contract that its step declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.contracts.schemas import failures_of, schema_of
from counterpoint.contracts.validated import sentence
from counterpoint.errors import ContractError
from counterpoint.frames import first_as_asked

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


def check(contract: Any, value: Any, step: str, partition: str, returned: Any = None) -> list[CheckResult]:
    """Checks a value against its contract: a pandera schema, or a callable that raises ContractError.

    Args:
        contract: A schema of pandera for Polars or pandas, or a callable, which gets the frame that it asks for.
        value: What is stored.
        step: The step that returned it.
        partition: The key of its partition.
        returned: What the step returned, where that is a frame of another library.

    Raises:
        ContractError: Names step, partition, column, check, count and three examples.
    """
    if not hasattr(contract, "validate"):
        contract(first_as_asked(contract, value))
        return [CheckResult(CHECK_NAME, passed=True, description=str(contract.__doc__ or ""))]
    contract = schema_of(contract)
    failures = failures_of(contract, value, returned)
    if failures:
        raise ContractError(
            f"the output of {step} for {partition} breaks its contract: {sentence(failures)};"
            f" nothing of it is published: mend {step}, or its contract {contract.name}"
        )
    columns = list(contract.columns)
    facts = {"rows": len(value), "columns": columns}
    return [CheckResult(CHECK_NAME, passed=True, description=str(contract.description or ""), metadata=facts)]
