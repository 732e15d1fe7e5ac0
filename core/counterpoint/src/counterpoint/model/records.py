"""What passes between steps, and what a run leaves behind: references, entries, requests, records."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from counterpoint.errors import UsageError
from counterpoint.model.graph import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Observed:
    """What a step's `observe` function saw of its source: a digest of the content, and how new the data is.

    Raises:
        UsageError: `as_of` has no time zone.
    """

    digest: str
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        if self.as_of is not None and self.as_of.tzinfo is None:
            raise UsageError(f"as_of={self.as_of} has no time zone: give the moment in UTC")
        object.__setattr__(self, "as_of", self.as_of and self.as_of.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """Where an output lies and what it holds: all that an orchestrator's database ever sees of data.

    `rows` is None for what is no table, `bytes` its size as stored, `digest` the digest of its content, `as_of` how new
    the oldest data is that it was made from (ISO 8601, UTC), where its sources tell.
    """

    step: str
    partition: str
    kind: str
    uri: str
    table_version: int | None
    rows: int | None
    bytes: int
    digest: str
    as_of: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Materialization:
    """What stands for a step and partition: its reference, and what it was made from.

    `fingerprint` digests code, settings and inputs: while it is unchanged the output is fresh. `columns`
    maps the columns of a table to their types. `origin` is the version that it was promoted from.
    """

    reference: ArtifactRef
    fingerprint: str
    inputs: dict[str, str]
    settings_hash: str
    code_digest: str
    run_id: str
    columns: dict[str, str] | None = None
    origin: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**{**values, "reference": ArtifactRef.from_dict(values["reference"])})


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error as everybody sees it; `where` is `file:line in function` of the user's code.

    `failure` is its `FailureClass`; `cause` has type, message and place of the innermost error that it was raised from.
    """

    type: str
    message: str
    where: str | None = None
    retryable: bool = True
    failure: str = "unclassified"
    cause: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run of one partition: everything that a worker needs to know, as JSON.

    `steps` limits the run to some steps (None: all); `config` overrides settings. One that a schedule began
    (`scheduled`) leaves to other sides the steps that they own. `effects` says whether steps that are effects are run
    (None: in production alone); `origin` is the run that this one does again, if it is a retry.
    """

    pipeline: str
    partition: str
    run_id: str
    root: str
    orchestrator: str = "local"
    version: str = PRODUCTION
    steps: tuple[str, ...] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    scheduled: bool = False
    effects: bool | None = None
    origin: str | None = None

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        values = json.loads(text)
        steps = values.get("steps")
        return cls(**{**values, "steps": None if steps is None else tuple(steps)})

    def selects(self, step: str) -> bool:
        """Whether the run includes the step."""
        return self.steps is None or step in self.steps

    @property
    def runs_effects(self) -> bool:
        """Whether steps that are effects are run."""
        return self.version == PRODUCTION if self.effects is None else self.effects


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step before another one ended in a run: its status, and the type and message of its error if it failed."""

    status: Status
    error: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """How one step of a run ended. Times are ISO 8601 in UTC; CPU in seconds, memory in bytes (peak RSS)."""

    name: str
    status: Status
    attempts: int = 0
    started: str | None = None
    ended: str | None = None
    error: ErrorInfo | None = None
    output: ArtifactRef | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    reused: bool = False
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    checks: tuple[Mapping[str, Any], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        error, output = values.get("error"), values.get("output")
        return cls(
            **{
                **values,
                "status": Status(values["status"]),
                "error": ErrorInfo(**error) if error else None,
                "output": ArtifactRef.from_dict(output) if output else None,
                "checks": tuple(values.get("checks", ())),
            }
        )


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How one run of one partition went, the same whatever ran it."""

    run_id: str
    pipeline: str
    orchestrator: str
    orchestrator_version: str
    date: str
    version: str
    status: Status
    started: str | None
    ended: str | None
    steps: tuple[StepRecord, ...]
    lineage: str | None = None
    upstream: tuple[Mapping[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        steps = tuple(StepRecord.from_dict(step) for step in values["steps"])
        upstream = tuple(values.get("upstream", ()))
        return cls(**{**values, "status": Status(values["status"]), "steps": steps, "upstream": upstream})

    def step(self, name: str) -> StepRecord:
        """The record of a step; raises KeyError when the run has none of that name."""
        for found in self.steps:
            if found.name == name:
                return found
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that production uses: its registered name and version, its partition, its metrics."""

    model: str
    version: int
    partition: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate decided for one model.

    `model` is the registered name, `step` the step that made it, `stage` production, staging or hold.
    """

    model: str
    step: str
    stage: str
    reason: str
    metrics: Mapping[str, float]
    baseline: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NativeStep:
    """How an orchestrator itself says that a step ended; its error only where nothing better is recorded."""

    status: Status
    attempts: int = 1
    started: str | None = None
    ended: str | None = None
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class NativeRun:
    """How an orchestrator itself says that a run went.

    `native_id` is its own name of the run, `steps` has a row per step it knows of (also of those not
    selected, which count as skipped), `failed` its own verdict on the whole run.
    """

    native_id: str
    failed: bool
    started: str | None
    ended: str | None
    steps: Mapping[str, NativeStep]
