"""A pipeline whose steps declare resources; a scenario of the conformance kit."""

from __future__ import annotations

from datetime import timedelta

from counterpoint.model import Output, OutputKind, Pipeline, Resources, RetryPolicy
from counterpoint.testing.naming import named

resources = Pipeline(
    "resources",
    description="Steps that declare threads, variables and memory; one exceeds its memory at the first attempt.",
    owner="team:data",
    tags={"tier": "gold"},
    config={"offset": 3, "folder": ""},
    steps=(
        named("resources_threads", "variable_of_threads", resources=Resources(cpu=1), image="example.org/steps:1"),
        named("resources_variable", "greeting", env={"COUNTED_BY": "hand"}, owner="ann@example.org"),
        named("resources_none", "greeting", after=("resources_variable",), tags={"tier": "silver", "area": "ops"}),
        named(
            "resources_memory",
            "too_large_at_first",
            resources=Resources(memory="256Mi"),
            retry=RetryPolicy(1, timedelta(seconds=1)),
        ),
        named("resources_hopeless", "too_large", resources=Resources(cpu=0.5, memory="256Mi", gpu=1)),
        named("resources_never", "mean", inputs={"value": "resources_hopeless"}, output=Output(OutputKind.METRICS)),
    ),
)
