"""The description of a pipeline; nothing here imports more than the standard library."""

from __future__ import annotations

from counterpoint.model.classify import causes, classify, is_retryable
from counterpoint.model.failures import HANDLING, FailureClass, Handling, Severity
from counterpoint.model.functions import code_digest, load
from counterpoint.model.graph import (
    Status,
    Verdict,
    critical_path,
    downstream,
    order,
    stages,
    verdict,
)
from counterpoint.model.orders import BackfillOrder, NativeBackfill, part_of, steps_in
from counterpoint.model.partitions import Incomplete, Partition, PartitionKind, Partitions, Window
from counterpoint.model.pipelines import Pipeline
from counterpoint.model.policies import Breaker, Pool, RetryPolicy, Schedule, TriggerRule, When
from counterpoint.model.records import (
    PRODUCTION,
    Champion,
    Decision,
    Entry,
    ErrorInfo,
    NativeRun,
    NativeStep,
    Observed,
    Reference,
    RunRecord,
    RunRequest,
    StepRecord,
)
from counterpoint.model.steps import Input, Output, OutputKind, Step, step, windowed
from counterpoint.model.waits import (
    BRIDGES,
    Wait,
    WaitKind,
    airflow_run,
    dagster_asset,
    marker,
    partition_of,
    table_written,
)

__all__ = [
    "BRIDGES",
    "HANDLING",
    "PRODUCTION",
    "BackfillOrder",
    "Breaker",
    "Champion",
    "Decision",
    "Entry",
    "ErrorInfo",
    "FailureClass",
    "Handling",
    "Incomplete",
    "Input",
    "NativeBackfill",
    "NativeRun",
    "NativeStep",
    "Observed",
    "Output",
    "OutputKind",
    "Partition",
    "PartitionKind",
    "Partitions",
    "Pipeline",
    "Pool",
    "Reference",
    "RetryPolicy",
    "RunRecord",
    "RunRequest",
    "Schedule",
    "Severity",
    "Status",
    "Step",
    "StepRecord",
    "TriggerRule",
    "Verdict",
    "Wait",
    "WaitKind",
    "When",
    "Window",
    "airflow_run",
    "causes",
    "classify",
    "code_digest",
    "critical_path",
    "dagster_asset",
    "downstream",
    "is_retryable",
    "load",
    "marker",
    "order",
    "part_of",
    "partition_of",
    "stages",
    "step",
    "steps_in",
    "table_written",
    "verdict",
    "windowed",
]
