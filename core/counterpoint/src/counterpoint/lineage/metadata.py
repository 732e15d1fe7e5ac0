"""`PipelineRunMetadata`: which code, data, configuration and environment produced the outputs of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class PipelineRunMetadata:
    """Everything that the results of a run depend on, as JSON values.

    `git` has commit, branch, dirty and the digest of the uncommitted change, or a `reason` why there is none.
    `inputs` and `outputs` map step to partition to digest, Delta version and place. `mlflow_runs` and
    `registry_versions` map registered model names to MLflow's run ids and version numbers. `bridged` maps a step to
    the runs and materializations on other orchestrators that it waited for, `approvals` to the decisions of people.
    `env` is the environment of `counterpoint.toml`.

    `sources` has the modules that steps reach, with a digest of each function, `reach` says which step reaches which,
    `patch` has the uncommitted change of them. `made_from` says what each output was made from, also each element of a
    mapped step; `elements` are the outputs of mapped steps. `feature_sets` has the tables that models were made from.
    `external_inputs` maps a step and its parameter to the other pipeline, its step, and what was read of each
    partition, with the run that made it. These fields are empty in a lineage that is older than they are.
    """

    run_id: str
    pipeline: str
    partition: str
    version: str
    orchestrator: str
    orchestrator_version: str | None
    git: Mapping[str, Any]
    configuration: Mapping[str, Any]
    configuration_hash: str
    code: Mapping[str, str]
    contracts: Mapping[str, str]
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, Any]
    packages: Mapping[str, str]
    mlflow_runs: Mapping[str, str] = field(default_factory=dict)
    registry_versions: Mapping[str, int] = field(default_factory=dict)
    bridged: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    env: str | None = None
    approvals: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reach: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    patch: Mapping[str, Any] | None = None
    made_from: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    elements: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    feature_sets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    contract_versions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    external_inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)
