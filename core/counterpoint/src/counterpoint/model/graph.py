"""Order, parallel stages, critical path, and the decision about a step once its upstream steps have ended."""

from __future__ import annotations

from enum import StrEnum
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from counterpoint.model.policies import TriggerRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model.pipelines import Pipeline
    from counterpoint.model.policies import When
    from counterpoint.model.steps import Step


# rules by which a step runs when one of its upstream steps ended well
_MIN_ONE = frozenset({TriggerRule.ONE_SUCCESS, TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS})
# rules by which a step may run although an upstream step failed
_TOLERANT = frozenset({TriggerRule.ALL_DONE, TriggerRule.ONE_SUCCESS})


class Status(StrEnum):
    """How a step ended."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"


class RunDecision(StrEnum):
    """The decision about a step whose upstream steps have all ended."""

    RUN = "run"
    SKIP = "skipped"
    UPSTREAM_FAILED = "upstream_failed"


def stages(pipeline: Pipeline) -> tuple[tuple[str, ...], ...]:
    """The steps in parallel stages: all of one stage can run at once, after all earlier ones (Kahn)."""
    sorter = TopologicalSorter({s.name: s.upstream for s in pipeline.steps})
    sorter.prepare()
    result: list[tuple[str, ...]] = []
    declared = pipeline.step_names
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=declared.index)
        result.append(tuple(ready))
        sorter.done(*ready)
    return tuple(result)


def order(pipeline: Pipeline) -> tuple[str, ...]:
    """The steps in a topological order: stage by stage, within a stage as declared."""
    return tuple(name for stage in stages(pipeline) for name in stage)


def downstream(pipeline: Pipeline, name: str) -> tuple[str, ...]:
    """All direct and indirect downstream steps of a step, in topological order."""
    reached = {name}
    for candidate in order(pipeline):
        if reached & set(pipeline.step(candidate).upstream):
            reached.add(candidate)
    return tuple(candidate for candidate in order(pipeline) if candidate in reached and candidate != name)


def is_read(pipeline: Pipeline, name: str) -> bool:
    """Whether another step waits for a step, or reads it through a window."""
    return any(
        name in step.upstream or name in {step_input.step for step_input in step.inputs} for step in pipeline.steps
    )


def ancestors(pipeline: Pipeline, name: str) -> frozenset[str]:
    """All direct and indirect upstream steps of a step."""
    names, todo = set[str](), [name]
    while todo:
        new = set(pipeline.step(todo.pop()).upstream) - names
        names |= new
        todo += new
    return frozenset(names)


def conditions(pipeline: Pipeline) -> dict[str, frozenset[When]]:
    """The branch choices that each step needs to run: its own condition, and those of its required upstream steps."""
    by_step: dict[str, frozenset[When]] = {}
    for step in map(pipeline.step, order(pipeline)):
        own, above = frozenset({step.when} if step.when else ()), [by_step[name] for name in step.upstream]
        if step.trigger_rule is TriggerRule.ALL_SUCCESS:
            own = own.union(*above)
        elif step.trigger_rule in _MIN_ONE and above:
            own |= frozenset.intersection(*above)
        by_step[step.name] = own
    return by_step


def hidden(pipeline: Pipeline) -> tuple[str, ...]:
    """The steps whose failure the last steps of a pipeline may not show.

    An orchestrator that judges a run by its last tasks sees a failure only if it is passed on to one of them: not past
    a step that runs after any failure, nor past one that may be skipped before the failure is known.
    """
    skippable = _skippable(pipeline)
    readers: dict[str, list[Step]] = {name: [] for name in pipeline.step_names}
    for step in pipeline.steps:
        for name in step.upstream:
            readers[name].append(step)
    shown: set[str] = set()
    for name in reversed(order(pipeline)):
        after = readers[name]
        passing = (s.name for s in after if s.trigger_rule not in _TOLERANT and s.name not in skippable)
        if not after or any(reader in shown for reader in passing):
            shown.add(name)
    return tuple(name for name in pipeline.step_names if name not in shown)


def _skippable(pipeline: Pipeline) -> set[str]:
    """The steps that may be skipped while a step before them, or one after a skipped one, still runs."""
    names: set[str] = set()
    for step in map(pipeline.step, order(pipeline)):
        above = [name in names or pipeline.step(name).effect for name in step.upstream]
        strict = step.trigger_rule is TriggerRule.ALL_SUCCESS and any(above)
        if step.when or strict or (step.trigger_rule in _MIN_ONE and above and all(above)):
            names.add(step.name)
    return names


def critical_path(pipeline: Pipeline, seconds: Mapping[str, float]) -> tuple[tuple[str, ...], float]:
    """The chain of steps that takes longest, and its seconds; a step without a duration counts as 1."""
    best: dict[str, tuple[float, tuple[str, ...]]] = {}
    for name in order(pipeline):
        before = max((best[u] for u in pipeline.step(name).upstream), default=(0.0, ()))
        best[name] = (before[0] + seconds.get(name, 1.0), (*before[1], name))
    total, path = max(best.values())
    return path, total


def verdict(step: Step, states: Mapping[str, Status], choices: Mapping[str, str]) -> RunDecision:
    """Whether a step runs, by the states of its upstream steps and the choices of the branches among them.

    Args:
        step: The step.
        states: The states of all upstream steps in this run; a step without one is outside the run and counts as done.
        choices: The choices of branch steps, by step.
    """
    ended = [states[name] for name in step.upstream if name in states]
    if step.when and choices.get(step.when.step, step.when.choice) != step.when.choice:
        return RunDecision.SKIP
    is_well = Status.SUCCESS in ended or len(ended) < len(step.upstream)
    if step.trigger_rule is TriggerRule.ALL_DONE or (step.trigger_rule is TriggerRule.ONE_SUCCESS and is_well):
        return RunDecision.RUN
    if any(state in {Status.FAILED, Status.UPSTREAM_FAILED} for state in ended):
        return RunDecision.UPSTREAM_FAILED
    is_lacking = step.trigger_rule is TriggerRule.ALL_SUCCESS or (step.trigger_rule in _MIN_ONE and not is_well)
    return RunDecision.SKIP if is_lacking and Status.SKIPPED in ended else RunDecision.RUN
