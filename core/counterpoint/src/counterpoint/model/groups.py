"""Groups: small steps that an orchestrator runs in one task, one after the other.

A group must not change how any step ends. It is therefore refused where one task could not tell what its steps would
have told apart: all its steps start after the same steps, and what waits for one of them waits for all of them.
"""

from __future__ import annotations

from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from counterpoint.errors import DefinitionError
from counterpoint.model.graph import order
from counterpoint.model.policies import TriggerRule
from counterpoint.model.steps import Input, OutputKind, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from counterpoint.model.pipelines import Pipeline
    from counterpoint.model.records import RunRequest

# what one task has once, whatever it executes
_SHARED = ("pool", "resources", "image", "env", "owner", "output.partitioned")
# what a step of a group must not be, and why
_ALONE: tuple[tuple[str, Callable[[Step], object]], ...] = (
    ("is mapped: its elements are tasks of their own", lambda step: step.map_over is not None),
    ("is a branch: what it skips is decided between tasks", lambda step: step.output.kind is OutputKind.BRANCH),
    ("has a condition: it would be skipped alone", lambda step: step.when),
    ("is an effect: a run without effects skips it alone", lambda step: step.effect),
    (
        "has a trigger rule: a step of a group runs when all steps before it succeeded",
        lambda step: step.trigger_rule is not TriggerRule.ALL_SUCCESS,
    ),
)


def groups_of(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """The groups of a pipeline, each with its steps in the order in which one task executes them."""
    steps = {step.name: step for step in pipeline.steps}
    return _members(steps[name] for name in order(pipeline))


def task_of(step: Step) -> str:
    """The name of the native task that executes a step."""
    return step.group or step.name


def grouped(pipeline: Pipeline) -> Pipeline:
    """The pipeline as an orchestrator sees it: each group is one step, which has what its task has natively."""
    groups = groups_of(pipeline)
    if not groups:
        return pipeline
    steps: dict[str, Step] = {}
    for step in pipeline.steps:
        if step.group is None:
            steps[step.name] = _renamed(pipeline, step)
        elif step.group not in steps:
            steps[step.group] = _combined(pipeline, step.group, groups[step.group])
    return replace(pipeline, steps=tuple(steps.values()))


def grouped_request(pipeline: Pipeline, request: RunRequest) -> RunRequest:
    """A request for steps as one for tasks: a group is selected when one of its steps is."""
    if request.steps is None:
        return request
    tasks = {step.name: task_of(step) for step in pipeline.steps}
    return replace(request, steps=tuple(dict.fromkeys(tasks.get(name, name) for name in request.steps)))


def _renamed(pipeline: Pipeline, step: Step) -> Step:
    """The step, with the tasks of the steps that it waits for in place of these."""
    inputs = tuple(replace(source, step=task_of(pipeline.step(source.step))) for source in step.inputs)
    after = tuple(dict.fromkeys(task_of(pipeline.step(name)) for name in step.after))
    return replace(step, inputs=inputs, after=after)


def _combined(pipeline: Pipeline, group: str, names: tuple[str, ...]) -> Step:
    steps = [pipeline.step(name) for name in names]
    first = steps[0]
    inputs: dict[tuple[object, ...], Input] = {}
    for step in steps:
        for source in _renamed(pipeline, step).inputs:
            if source.step != group:
                inputs[source.step, source.window] = source
    after = dict.fromkeys(task_of(pipeline.step(name)) for step in steps for name in step.after)
    return Step(
        name=group,
        function=first.function,
        inputs=tuple(inputs.values()),
        # a retry of the task is needed only where its process was lost; core retries each step by its own policy
        retry=max((step.retry for step in steps), key=lambda retry: retry.retries),
        pool=first.pool,
        after=tuple(name for name in after if name != group),
        waits=tuple(wait for step in steps for wait in step.waits),
        description=f"Executes one after the other: {', '.join(names)}.",
        resources=first.resources,
        image=first.image,
        env=first.env,
        owner=first.owner,
        tags={key: value for step in reversed(steps) for key, value in step.tags.items()},
    )


def check_groups(pipeline: str, steps: tuple[Step, ...]) -> None:
    """Refuses groups that one task cannot execute, or whose steps would end otherwise than without the group.

    Args:
        pipeline: The name of the pipeline.
        steps: Its steps, without a cycle.

    Raises:
        DefinitionError: Names the group, the steps and the fix.
    """
    by_name = {step.name: step for step in steps}
    needed = _needed(by_name)
    for group, names in _members(steps).items():
        members = [by_name[name] for name in names]
        _refuse_alone(group, members)
        _refuse_different(group, members)
        _refuse_late_waits(group, members, needed)
        _refuse_entries(group, members, needed)
        _refuse_exits(group, members, steps, needed)
    _refuse_cycles(pipeline, steps)


def _members(steps: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    members: dict[str, list[str]] = {}
    for step in steps:
        if step.group is not None:
            members.setdefault(step.group, []).append(step.name)
    return {group: tuple(names) for group, names in members.items()}


def _needed(steps: Mapping[str, Step]) -> dict[str, frozenset[str]]:
    """By step, the steps without whose success it does not run, whatever else happens."""
    needed: dict[str, frozenset[str]] = {}
    for name in TopologicalSorter({name: step.upstream for name, step in steps.items()}).static_order():
        step = steps[name]
        strict = step.trigger_rule is TriggerRule.ALL_SUCCESS
        needed[name] = _behind(step.upstream, needed) if strict else frozenset()
    return needed


def _behind(names: Iterable[str], needed: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Some steps, and all that these need."""
    return frozenset(names).union(*(needed[name] for name in names))


def _refuse_alone(group: str, members: list[Step]) -> None:
    for step in members:
        for reason, holds in _ALONE:
            if holds(step):
                raise DefinitionError(f"group {group}: step {step.name} {reason}; give it no group")


def _refuse_different(group: str, members: list[Step]) -> None:
    first = members[0]
    for step in members[1:]:
        for name in _SHARED:
            if _shared(step, name) != _shared(first, name):
                raise DefinitionError(
                    f"group {group}: steps {first.name} and {step.name} differ in their {name}, and one task has one:"
                    f" give both the same, or put them into two groups"
                )


def _shared(step: Step, name: str) -> object:
    return step.output.partitioned if name == "output.partitioned" else getattr(step, name)


def _refuse_late_waits(group: str, members: list[Step], needed: Mapping[str, frozenset[str]]) -> None:
    """Refuses waits and windows of a step other than the first: the others would wait with it."""
    names = {step.name for step in members}
    for step in members:
        inside = [source for source in step.inputs if source.window and source.step in names]
        if inside:
            raise DefinitionError(
                f"group {group}: step {step.name} reads {inside[0].step} of {inside[0].window}, and one task is of one"
                f" partition: give one of them no group"
            )
        waits = "waits" if step.waits else "reads a window" if any(source.window for source in step.inputs) else ""
        others = [other.name for other in members if other is not step and step.name not in needed[other.name]]
        if waits and others:
            raise DefinitionError(
                f"group {group}: step {step.name} {waits}, and {others[0]}, which does not come after it, would be"
                f" held back too: give {step.name} no group"
            )


def _refuse_entries(group: str, members: list[Step], needed: Mapping[str, frozenset[str]]) -> None:
    """Refuses a step outside that not all steps of the group need: its failure would prevent those that do not."""
    names = {step.name for step in members}
    for step in members:
        for outside in (name for name in step.upstream if name not in names):
            for other in members:
                if outside not in needed[other.name]:
                    raise DefinitionError(
                        f"group {group}: it would start after {outside}, which {step.name} needs and {other.name} does"
                        f" not: give {step.name} no group, or put {outside} into the group"
                    )


def _refuse_exits(group: str, members: list[Step], steps: Iterable[Step], needed: Mapping[str, frozenset[str]]) -> None:
    """Refuses a step outside that waits for a part of the group: a failure in the other part would prevent it."""
    names = {step.name for step in members}
    for step in (step for step in steps if step.group != group):
        direct = [name for name in step.upstream if name in names]
        over = [source.step for source in step.inputs if source.window and source.step in names]
        tolerant, lenient = (step.trigger_rule is rule for rule in (TriggerRule.ALL_DONE, TriggerRule.ONE_SUCCESS))
        if lenient and len(direct) > 1:
            raise DefinitionError(
                f"group {group}: step {step.name} runs when one of {', '.join(direct)} succeeded, and one task does not"
                f" tell them apart: leave all but one of them out of the group"
            )
        if direct and not tolerant:
            _refuse_parts(group, step, direct, names - _behind(direct if lenient else step.upstream, needed))
        if over:
            _refuse_parts(group, step, over, names - _behind(over, needed))


def _refuse_parts(group: str, step: Step, reads: Iterable[str], missing: Iterable[str]) -> None:
    if others := sorted(missing):
        raise DefinitionError(
            f"group {group}: step {step.name} waits for {', '.join(dict.fromkeys(reads))} and would wait for"
            f" {', '.join(others)} too: leave {'it' if len(others) == 1 else 'them'} out of the group, or let"
            f" {step.name} wait for all of the group"
        )


def _refuse_cycles(pipeline: str, steps: Iterable[Step]) -> None:
    tasks = {step.name: task_of(step) for step in steps}
    edges: dict[str, set[str]] = {task: set() for task in tasks.values()}
    for step in steps:
        edges[tasks[step.name]] |= {tasks[name] for name in step.upstream} - {tasks[step.name]}
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        raise DefinitionError(
            f"pipeline {pipeline}: its groups make a cycle: {' -> '.join(error.args[1])}; a step between two steps of a"
            " group belongs to the group, too"
        ) from None
