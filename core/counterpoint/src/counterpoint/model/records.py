"""The data that steps pass on and runs leave: references, entries, requests, records."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from counterpoint.errors import UsageError
from counterpoint.model.configuration import Configuration
from counterpoint.model.graph import Status
from counterpoint.model.smoke import Sample

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
    """The location and content of an output: the only part of data that an orchestrator's database holds.

    `rows` is None unless it is a table, `bytes` is its stored size, `digest` the digest of its content, and `as_of` the
    moment of the oldest data that it was made from (ISO 8601, UTC), if its sources have one.
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
    """The published output of a step and partition: its reference, and what it was made from.

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

    `steps` limits the run to some steps (None: all); `config` overrides settings. A `scheduled` run leaves to other
    sides the steps that they own. `effects` says whether effects are run (None: only in production); `origin` is the
    run that this one retries, if it is a retry. `env`, `tracking`, `secrets` (references) and `variables` are those of
    its `Configuration`. A run with a `sample` is a smoke test below a root of its own: it keeps only a part of the rows
    and waits for nothing; `inputs_root` is where it reads inputs from other pipelines (None: its own root).
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
    env: str | None = None
    tracking: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    sample: Sample | None = None
    inputs_root: str | None = None

    @property
    def configuration(self) -> Configuration:
        """What the run goes by."""
        return Configuration(self.env, self.root, self.tracking, self.config, self.secrets, self.variables)

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        values = json.loads(text)
        steps, sample = values.get("steps"), values.get("sample")
        told = {"steps": None if steps is None else tuple(steps), "sample": Sample(**sample) if sample else None}
        return cls(**{**values, **told})

    def selects(self, step: str) -> bool:
        """Whether the run includes the step."""
        return self.steps is None or step in self.steps

    @property
    def runs_effects(self) -> bool:
        """Whether effects are run."""
        return self.version == PRODUCTION if self.effects is None else self.effects


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an upstream step ended in a run: its status, and the type and message of its error if it failed."""

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
    """How one run of one partition ended, in the same form for every orchestrator; `env` is its environment."""

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
    env: str | None = None

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
        for record in self.steps:
            if record.name == name:
                return record
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
    """How a step ended according to its orchestrator; the error is used only if the step recorded none."""

    status: Status
    attempts: int = 1
    started: str | None = None
    ended: str | None = None
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class NativeRun:
    """How a run ended according to its orchestrator.

    `native_id` is the orchestrator's id of the run. `steps` has an entry for each step that it knows; those not
    selected count as skipped. `failed` is its verdict on the whole run.
    """

    native_id: str
    failed: bool
    started: str | None
    ended: str | None
    steps: Mapping[str, NativeStep]
