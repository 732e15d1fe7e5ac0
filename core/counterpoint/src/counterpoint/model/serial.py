"""Pipelines as JSON values and back, for properties that have no native place in an orchestrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from counterpoint.model.partitions import PartitionKind, Partitions, Window, WindowPolicy
from counterpoint.model.pipelines import Pipeline
from counterpoint.model.policies import Breaker, Pool, RetryPolicy, Schedule, TriggerRule, When
from counterpoint.model.resources import Resources
from counterpoint.model.secrets import Secret
from counterpoint.model.smoke import Smoke
from counterpoint.model.steps import Input, Output, OutputKind, Step
from counterpoint.model.waits import Wait, WaitKind
from counterpoint.redaction import redacted_values

if TYPE_CHECKING:
    from collections.abc import Callable


def to_values(thing: Any) -> Any:
    """The JSON value of anything in a pipeline; durations are seconds."""
    if isinstance(thing, timedelta):
        return thing.total_seconds()
    if isinstance(thing, Enum):
        return thing.value
    if isinstance(thing, list | tuple):
        return [to_values(element) for element in thing]
    if isinstance(thing, Mapping):
        return {name: to_values(value) for name, value in thing.items()}
    if hasattr(thing, "__dataclass_fields__"):
        return {f.name: to_values(getattr(thing, f.name)) for f in fields(thing) if f.compare and _is_said(thing, f)}
    return thing


def _is_said(thing: Any, field: Field[Any]) -> bool:
    """Whether a field is in the JSON value: one that is newer than values that were kept is not, at its default."""
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return "omit_default" not in field.metadata or getattr(thing, field.name) != default


def public_values(pipeline: Pipeline) -> dict[str, Any]:
    """The JSON value of a pipeline with masked secrets, which an orchestrator may store."""
    values = to_values(pipeline)
    smoke = {**values["smoke"], "settings": redacted_values(values["smoke"]["settings"])}
    return {**values, "config": redacted_values(values["config"]), "smoke": smoke}


def step_from(values: Mapping[str, Any]) -> Step:
    """The step that `to_values` described."""
    return Step(**{name: _FIELDS.get(name, _same)(value) for name, value in values.items()})


def pipeline_from(values: Mapping[str, Any]) -> Pipeline:
    """The pipeline that `to_values` described."""
    return Pipeline(
        name=values["name"],
        steps=tuple(step_from(step) for step in values["steps"]),
        partitions=_partitions(values["partitions"]),
        pools=tuple(Pool(**pool) for pool in values["pools"]),
        schedule=Schedule(**values["schedule"]) if values["schedule"] else None,
        deadline=_seconds(values["deadline"]),
        config=values["config"],
        description=values["description"],
        failures=values["failures"],
        retain=values.get("retain"),
        smoke=Smoke(**values.get("smoke", {})),
        owner=values.get("owner"),
        tags=values.get("tags", {}),
    )


def _seconds(value: float | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)


def _same(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _input(values: Mapping[str, Any]) -> Input:
    return Input(**{**values, "window": _window(values["window"])})


def _window(values: Mapping[str, Any] | None) -> Window | None:
    return Window(**values) if values else None


def _retry(values: Mapping[str, Any]) -> RetryPolicy:
    delays = {name: timedelta(seconds=values[name]) for name in ("delay", "max_delay")}
    return RetryPolicy(**{**values, **delays})


def _breaker(values: Mapping[str, Any] | None) -> Breaker | None:
    return Breaker(values["failures"], timedelta(seconds=values["reset"])) if values else None


def _wait(values: Mapping[str, Any]) -> Wait:
    times = {name: timedelta(seconds=values[name]) for name in ("poll", "timeout", "shift") if name in values}
    several = {"by": tuple(values.get("by", ())), "window": _window(values.get("window"))}
    return Wait(**{**values, "kind": WaitKind(values["kind"]), **several, **times})


def _output(values: Mapping[str, Any]) -> Output:
    several = {name: tuple(values.get(name, ())) for name in ("choices", "trusted")}
    return Output(**{**values, "kind": OutputKind(values["kind"]), **several})


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "inputs": lambda values: tuple(_input(value) for value in values),
    "output": _output,
    "retry": _retry,
    "timeout": _seconds,
    "freshness": _seconds,
    "max_input_age": _seconds,
    "breaker": _breaker,
    "waits": lambda values: tuple(_wait(value) for value in values),
    "when": lambda values: When(**values) if values else None,
    "trigger_rule": TriggerRule,
    "secrets": lambda values: tuple(Secret(**value) for value in values),
    "resources": lambda values: Resources(**values) if values else None,
}


def _partitions(values: Mapping[str, Any]) -> Partitions:
    policy, timezone = WindowPolicy(values.get("incomplete", "refuse")), values.get("timezone", "UTC")
    return Partitions(PartitionKind(values["kind"]), values["start"], policy, timezone)
