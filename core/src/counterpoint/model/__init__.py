"""The description of a pipeline; nothing here imports more than the standard library."""

from __future__ import annotations

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
from counterpoint.model.policies import Pool, RetryPolicy, Schedule, TriggerRule, When
from counterpoint.model.records import (
    PRODUCTION,
    Champion,
    Decision,
    Entry,
    ErrorInfo,
    NativeRun,
    NativeStep,
    Reference,
    RunRecord,
    RunRequest,
    StepRecord,
)
from counterpoint.model.steps import Input, Output, OutputKind, Step, step, windowed

__all__ = [
    "PRODUCTION",
    "BackfillOrder",
    "Champion",
    "Decision",
    "Entry",
    "ErrorInfo",
    "Incomplete",
    "Input",
    "NativeBackfill",
    "NativeRun",
    "NativeStep",
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
    "Status",
    "Step",
    "StepRecord",
    "TriggerRule",
    "Verdict",
    "When",
    "Window",
    "code_digest",
    "critical_path",
    "downstream",
    "load",
    "order",
    "part_of",
    "stages",
    "step",
    "steps_in",
    "verdict",
    "windowed",
]
