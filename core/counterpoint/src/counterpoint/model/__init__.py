"""The description of a pipeline; nothing here imports more than the standard library."""

from __future__ import annotations

from counterpoint.model.across import PartitionMapping, Relation
from counterpoint.model.classify import causes, classify, is_retryable, unset_variable
from counterpoint.model.code import code_digest, code_of
from counterpoint.model.configuration import Configuration
from counterpoint.model.failures import HANDLING, FailureClass, Handling, Severity
from counterpoint.model.functions import load
from counterpoint.model.graph import (
    RunDecision,
    Status,
    ancestors,
    conditions,
    critical_path,
    downstream,
    hidden,
    is_read,
    order,
    stages,
    verdict,
)
from counterpoint.model.groups import grouped, grouped_request, groups_of, task_of
from counterpoint.model.native_backfill import BackfillOrder, NativeBackfill, part_of, steps_in
from counterpoint.model.partitions import Partition, PartitionKind, Partitions, Window, WindowPolicy
from counterpoint.model.pipelines import Pipeline
from counterpoint.model.policies import Breaker, Pool, RetryPolicy, Schedule, TriggerRule, When
from counterpoint.model.records import (
    PRODUCTION,
    ArtifactRef,
    Champion,
    Decision,
    ErrorInfo,
    Materialization,
    NativeRun,
    NativeStep,
    Observed,
    Outcome,
    RunRecord,
    RunRequest,
    StepRecord,
)
from counterpoint.model.resources import Resources, largest
from counterpoint.model.secrets import Secret
from counterpoint.model.smoke import Sample, Smoke
from counterpoint.model.steps import Input, Output, OutputKind, Step, step, windowed
from counterpoint.model.waits import (
    BRIDGES,
    Wait,
    WaitKind,
    airflow_run,
    approval,
    dagster_asset,
    input_from,
    marker,
    partition_of,
    table_written,
)

__all__ = [
    "BRIDGES",
    "HANDLING",
    "PRODUCTION",
    "ArtifactRef",
    "BackfillOrder",
    "Breaker",
    "Champion",
    "Configuration",
    "Decision",
    "ErrorInfo",
    "FailureClass",
    "Handling",
    "Input",
    "Materialization",
    "NativeBackfill",
    "NativeRun",
    "NativeStep",
    "Observed",
    "Outcome",
    "Output",
    "OutputKind",
    "Partition",
    "PartitionKind",
    "PartitionMapping",
    "Partitions",
    "Pipeline",
    "Pool",
    "Relation",
    "Resources",
    "RetryPolicy",
    "RunDecision",
    "RunRecord",
    "RunRequest",
    "Sample",
    "Schedule",
    "Secret",
    "Severity",
    "Smoke",
    "Status",
    "Step",
    "StepRecord",
    "TriggerRule",
    "Wait",
    "WaitKind",
    "When",
    "Window",
    "WindowPolicy",
    "airflow_run",
    "ancestors",
    "approval",
    "causes",
    "classify",
    "code_digest",
    "code_of",
    "conditions",
    "critical_path",
    "dagster_asset",
    "downstream",
    "grouped",
    "grouped_request",
    "groups_of",
    "hidden",
    "input_from",
    "is_read",
    "is_retryable",
    "largest",
    "load",
    "marker",
    "order",
    "part_of",
    "partition_of",
    "stages",
    "step",
    "steps_in",
    "table_written",
    "task_of",
    "unset_variable",
    "verdict",
    "windowed",
]
