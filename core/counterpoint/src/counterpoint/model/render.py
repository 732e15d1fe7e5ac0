"""A pipeline as text, as a Mermaid diagram, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.model.graph import critical_path, stages
from counterpoint.model.partitions import WindowPolicy
from counterpoint.model.policies import TriggerRule
from counterpoint.model.serial import to_values

if TYPE_CHECKING:
    from datetime import timedelta

    from counterpoint.model.pipelines import Pipeline
    from counterpoint.model.steps import Input, Step


def as_json(pipeline: Pipeline) -> dict[str, Any]:
    """Everything there is to know of a pipeline, with its stages and its critical path; durations in seconds."""
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
    said = [f"partitioned by {pipeline.partitions.kind.value} from {pipeline.partitions.start}, UTC"]
    said += ["windows shrink at the start"] if pipeline.partitions.incomplete is WindowPolicy.SHRINK else []
    said += [f"scheduled {pipeline.schedule.cron} UTC"] if pipeline.schedule else []
    said += [f"deadline {_span(pipeline.deadline)}"] if pipeline.deadline else []
    said += [f"records of runs are kept for {pipeline.retain}"] if pipeline.retain else []
    said += [f"pool {pool.name} ({pool.slots} slots)" for pool in pipeline.pools]
    return ["; ".join(said)]


def _step_lines(step: Step) -> list[str]:
    lines = [f"{step.name} -> {step.output.kind.value}" + (f"  {step.description}" if step.description else "")]
    if step.inputs:
        lines.append("    reads " + ", ".join(map(_edge, step.inputs)))
    policies = _policies(step)
    return [*lines, "    " + "; ".join(policies)] if policies else lines


def _edge(given: Input) -> str:
    label = given.step if given.parameter in ("", given.step) else f"{given.step} as {given.parameter}"
    return f"{label} [{given.window}]" if given.window else label


def _policies(step: Step) -> list[str]:
    retry, found = step.retry, []
    if retry.retries:
        found.append(
            f"{retry.retries} retries after {', '.join(f'{d:g}' for d in retry.delays())} s + {retry.jitter:.0%}"
        )
    found += [f"time-out {_span(step.timeout)}"] if step.timeout else []
    found += [f"pool {step.pool}"] if step.pool else []
    found += [f"when {step.when.step} chooses {step.when.choice}"] if step.when else []
    found += [step.trigger_rule.value] if step.trigger_rule is not TriggerRule.ALL_SUCCESS else []
    found += [f"one per element of {step.map_over}"] if step.map_over else []
    found += [f"after {', '.join(step.after)}"] if step.after else []
    found += [f"fresh for {_span(step.freshness)}"] if step.freshness else []
    found += ["effect"] if step.effect else []
    found += [f"contract {step.output.contract}"] if step.output.contract else []
    return found


def _span(length: timedelta) -> str:
    hours, rest = divmod(length.total_seconds(), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{value:g} {unit}" for value, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if value]
    return " ".join(parts) or "0 s"


def as_mermaid(pipeline: Pipeline) -> str:
    """A flowchart for a page that draws Mermaid; windows and conditions stand on the edges."""
    lines = ["flowchart LR"]
    lines += [f'    {step.name}["{step.name}<br/><small>{step.output.kind.value}</small>"]' for step in pipeline.steps]
    for step in pipeline.steps:
        lines += [f"    {i.step} -->{f'|{i.window}|' if i.window else ''} {step.name}" for i in step.inputs]
        lines += [f"    {step.when.step} -.->|{step.when.choice}| {step.name}"] if step.when else []
        lines += [f"    {name} -.-> {step.name}" for name in step.after]
    return "\n".join(lines) + "\n"
