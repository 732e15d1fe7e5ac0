"""Handling a step's result: checking it against its contract, writing and describing it; not publishing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StepError
from counterpoint.frames import as_polars
from counterpoint.model import ArtifactRef, OutputKind, Status, StepRecord, load
from counterpoint.runtime.values import refuse_misfit
from counterpoint.storage.models import is_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.runtime.context import StepContext

_LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Product:
    """A written output, with the metrics, checks and details to record."""

    reference: ArtifactRef
    columns: dict[str, str] | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Mapping[str, Any], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    reused: bool = False

    def record(self, context: StepContext) -> StepRecord:
        """The record of the step that made it."""
        return StepRecord(
            context.step.name,
            Status.SUCCESS,
            context.attempt,
            output=self.reference,
            metrics=self.metrics,
            checks=self.checks,
            details=self.details,
            reused=self.reused,
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """A step's result after the contract check: its value, the checks, and further details."""

    value: Any
    checks: tuple[Mapping[str, Any], ...]
    details: Mapping[str, Any]


def check(context: StepContext, result: Any, resubmitted: Any = None) -> Checked:
    """Checks a step's result against the contract of its output, and keeps rejected rows as dead letters.

    Args:
        context: The attempt.
        result: The value that its function returned.
        resubmitted: The dead letters that the step was given again.

    Raises:
        ContractError: The result breaks the contract.
    """
    returned, details = _unpacked(context, result, resubmitted)
    is_table = context.step.output.kind is OutputKind.TABLE
    value = as_polars(returned, f"step {context.step.name}") if is_table else returned
    return Checked(value, _checks(context, value, returned), details)


def write(context: StepContext, checked: Checked, given: Mapping[str, Any]) -> Product:
    """Writes a step's result, and returns a description of the output, which is not published yet.

    Args:
        context: The attempt.
        checked: The checked result.
        given: The references of its inputs, by parameter.

    Raises:
        StepError: The result is of another kind than the step declares.
    """
    rows, details = checked.value, checked.details
    if context.step.output.kind is OutputKind.REGISTRATION:
        details = {**details, **_register(context, rows, given)}
        rows = [_as_dict(decision) for decision in rows]
    _refuse_wrong_kind(context, rows)
    reference = context.store.write(context.step, context.key, rows, context.settings_hash)
    columns = _columns(rows) if context.step.output.kind is OutputKind.TABLE else None
    if columns:
        details = {**details, "columns": _statistics(rows)}
    return Product(reference, columns, _metrics(context, rows), checked.checks, details)


def _unpacked(context: StepContext, result: Any, resubmitted: Any) -> tuple[Any, dict[str, Any]]:
    """The rows of a `Validated` result, after its rejected rows were kept; any other result unchanged."""
    if not hasattr(result, "rejected"):
        return result, {}
    count = keep_rejected(context, result.rejected, resubmitted)
    return result.rows, {**result.summary, "dead_letters": count}


def keep_rejected(context: StepContext, rejected: Any, resubmitted: Any) -> int:
    """Keeps rejected rows as dead letters; returns their number."""
    from counterpoint.deadletters import keep

    rows = as_polars(rejected, f"step {context.step.name}")
    return keep(context.store, context.step, context.key, rows, context.request.run_id, resubmitted)


def _checks(context: StepContext, value: Any, returned: Any) -> tuple[Mapping[str, Any], ...]:
    if context.step.output.contract is None:
        return ()
    from counterpoint import contracts

    contract = load(context.step.output.contract)
    results = contracts.check(contract, value, context.step.name, context.key, returned)
    return tuple(_as_dict(result) for result in results)


def _refuse_wrong_kind(context: StepContext, value: Any) -> None:
    output = context.step.output
    if output.kind is OutputKind.BRANCH and value not in output.choices:
        raise StepError(
            f"step {context.step.name} chose {value!r}, which is none of its declared choices"
            f" {', '.join(output.choices)}: return one of them, or declare it"
        )
    if output.kind is OutputKind.NONE and value is not None:
        raise StepError(
            f"step {context.step.name} returned a {type(value).__name__} but has no output: return nothing, or declare"
            " an output and its kind"
        )
    refuse_misfit(context.step, value)


def _register(context: StepContext, decisions: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    from counterpoint.lineage import register

    return register(context.store, context.pipeline, context.request, decisions, given)


def _as_dict(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _columns(frame: Any) -> dict[str, str]:
    return {name: str(kind) for name, kind in frame.schema.items()}


def _statistics(frame: Any) -> dict[str, dict[str, Any]]:
    """Type, nulls, minimum and maximum of each column, short enough for an orchestrator's database."""
    nulls, minima, maxima = frame.null_count(), frame.min(), frame.max()
    return {
        name: {
            "type": str(kind),
            "nulls": nulls[name][0],
            "min": _short(minima[name][0]),
            "max": _short(maxima[name][0]),
        }
        for name, kind in frame.schema.items()
        if len(frame)
    }


def _short(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float) else str(value)[:_LONGEST_SHOWN]


def _metrics(context: StepContext, value: Any) -> Mapping[str, Any]:
    if context.step.output.kind is OutputKind.METRICS:
        return dict(value)
    return dict(value.metrics) if is_weights(value) else {}
