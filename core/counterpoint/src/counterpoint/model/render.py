"""A pipeline as text, as a Mermaid diagram, and as JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from counterpoint.model.graph import critical_path, stages
from counterpoint.model.partitions import WindowPolicy
from counterpoint.model.policies import TriggerRule
from counterpoint.model.serial import to_values
from counterpoint.model.waits import WaitKind

if TYPE_CHECKING:
    from datetime import timedelta

    from counterpoint.model.pipelines import Pipeline
    from counterpoint.model.steps import Input, Step
    from counterpoint.model.waits import Wait


def as_json(pipeline: Pipeline) -> dict[str, Any]:
    """The full description of a pipeline, with its stages and its critical path; durations in seconds."""
    path, length = critical_path(pipeline, {})
    return {
        **to_values(pipeline),
        "stages": stages(pipeline),
        "critical_path": {"steps": path, "length": length},
    }


def as_text(pipeline: Pipeline) -> str:
    """For people: stage by stage, each step with its inputs and policies."""
    lines = [f"{pipeline.name}: {pipeline.description}".rstrip(": "), *_about(pipeline)]
    for number, stage in enumerate(stages(pipeline), 1):
        lines.append(f"stage {number}" + (", in parallel" if len(stage) > 1 else ""))
        for name in stage:
            lines += [f"  {line}" for line in _step_lines(pipeline.step(name))]
    path, length = critical_path(pipeline, {})
    lines.append(f"critical path ({length:g} steps): {' -> '.join(path)}")
    return "\n".join(lines) + "\n"


def _about(pipeline: Pipeline) -> list[str]:
    partitions = pipeline.partitions
    facts = [f"partitioned by {partitions.kind.value} from {partitions.start}, {partitions.timezone}"]
    facts += ["windows shrink at the start"] if partitions.incomplete is WindowPolicy.SHRINK else []
    facts += [f"scheduled {pipeline.schedule.cron} {pipeline.schedule.timezone}"] if pipeline.schedule else []
    facts += [f"deadline {_span(pipeline.deadline)}"] if pipeline.deadline else []
    facts += [f"records of runs are kept for {pipeline.retain}"] if pipeline.retain else []
    facts += [f"pool {pool.name} ({pool.slots} slots)" for pool in pipeline.pools]
    return ["; ".join(facts)]


def _step_lines(step: Step) -> list[str]:
    lines = [f"{step.name} -> {step.output.kind.value}" + (f"  {step.description}" if step.description else "")]
    if reads := [*map(_edge, step.inputs), *map(_external_edge, step.external_inputs)]:
        lines.append("    reads " + ", ".join(reads))
    policies = _policies(step)
    return [*lines, "    " + "; ".join(policies)] if policies else lines


def _edge(step_input: Input) -> str:
    label = (
        step_input.step
        if step_input.parameter in ("", step_input.step)
        else f"{step_input.step} as {step_input.parameter}"
    )
    return f"{label} [{step_input.window}]" if step_input.window else label


def _external_edge(wait: Wait) -> str:
    """An input from another pipeline, with its window or its shift."""
    partitions = _among(wait)
    return f"{wait.source} as {wait.parameter}" + (f" [{partitions}]" if partitions else "")


def _among(wait: Wait) -> str:
    if wait.window:
        return str(wait.window)
    return f"shifted by {wait.offset}" if wait.offset else ""


def _policies(step: Step) -> list[str]:
    retry, policies = step.retry, []
    if retry.retries:
        policies.append(
            f"{retry.retries} retries after {', '.join(f'{d:g}' for d in retry.delays())} s + {retry.jitter:.0%}"
        )
    policies += [f"time-out {_span(step.timeout)}"] if step.timeout else []
    policies += [f"pool {step.pool}"] if step.pool else []
    policies += [f"group {step.group}"] if step.group else []
    policies += [f"when {step.when.step} chooses {step.when.choice}"] if step.when else []
    policies += [step.trigger_rule.value] if step.trigger_rule is not TriggerRule.ALL_SUCCESS else []
    policies += [f"one per element of {step.map_over}"] if step.map_over else []
    policies += [f"after {', '.join(step.after)}"] if step.after else []
    policies += [f"fresh for {_span(step.freshness)}"] if step.freshness else []
    policies += [wait.of("") for wait in step.waits if wait.kind is WaitKind.APPROVAL]
    policies += ["effect"] if step.effect else []
    policies += [f"secrets {', '.join(secret.name for secret in step.secrets)}"] if step.secrets else []
    policies += [str(step.resources)] if step.resources else []
    policies += [f"image {step.image}"] if step.image else []
    policies += [f"env {', '.join(f'{name}={value}' for name, value in step.env.items())}"] if step.env else []
    policies += [f"owner {step.owner}"] if step.owner else []
    policies += [f"tags {', '.join(f'{key}={value}' for key, value in step.tags.items())}"] if step.tags else []
    policies += [f"contract {step.output.contract}"] if step.output.contract else []
    return policies


def _span(length: timedelta) -> str:
    hours, remainder = divmod(length.total_seconds(), 3600)
    minutes, seconds = divmod(remainder, 60)
    parts = [f"{value:g} {unit}" for value, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if value]
    return " ".join(parts) or "0 s"


def as_mermaid(pipeline: Pipeline) -> str:
    """A flowchart for a page that draws Mermaid; windows and conditions are labels of the edges."""
    lines = ["flowchart LR"]
    lines += [f'    {step.name}["{step.name}<br/><small>{step.output.kind.value}</small>"]' for step in pipeline.steps]
    for step in pipeline.steps:
        lines += [f"    {i.step} -->{f'|{i.window}|' if i.window else ''} {step.name}" for i in step.inputs]
        lines += [_external_arrow(wait, step) for wait in step.external_inputs]
        lines += [f"    {step.when.step} -.->|{step.when.choice}| {step.name}"] if step.when else []
        lines += [f"    {name} -.-> {step.name}" for name in step.after]
    return "\n".join(lines) + "\n"


def _external_arrow(wait: Wait, step: Step) -> str:
    node = re.sub(r"\W", "_", wait.source)
    partitions = _among(wait)
    label = f"|{partitions}|" if partitions else ""
    return f'    external_{node}(["{wait.source}"]) -->{label} {step.name}'
