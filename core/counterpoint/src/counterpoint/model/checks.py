"""Checks that a pipeline is consistent; each error names the step and the fix."""

from __future__ import annotations

import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model.code import step_reach
from counterpoint.model.failures import FailureClass
from counterpoint.model.groups import check_groups
from counterpoint.model.lengths import kept_for
from counterpoint.model.policies import TriggerRule
from counterpoint.model.suggest import suggest
from counterpoint.model.waits import WaitKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.model.policies import Pool
    from counterpoint.model.steps import Input, Step


# a valid name for Airflow, Dagster and Prefect, and a valid file name on every file system and S3
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}", re.ASCII)
# the files of a run other than the records of its steps
_RUN_FILES = frozenset({"run", "request", "lineage"})


def check(pipeline: str, steps: tuple[Step, ...], pools: tuple[Pool, ...]) -> None:
    """Refuses an inconsistent pipeline.

    Raises:
        DefinitionError: Names pipeline, step and fix.
    """
    if not steps:
        raise DefinitionError(f"pipeline {pipeline} has no steps: give it at least one")
    _names(pipeline, [s.name for s in steps])
    by_name = {s.name: s for s in steps}
    for step in steps:
        _edges(step, by_name)
        _inputs(step, by_name)
        _pool(step, pools)
        _condition(step, by_name)
        _external(pipeline, step)
        _mapping(step)
        _effect(step)
        _approval(step)
        _code(step)
    _cycles(pipeline, steps)
    for step in steps:
        _reachable(step, by_name)
    _groups(pipeline, steps)


def check_failures(pipeline: str, failures: Mapping[str, str]) -> None:
    """Refuses unknown failure classes of exceptions.

    Raises:
        DefinitionError: Names pipeline, exception and fix.
    """
    classes = [member.value for member in FailureClass]
    for reference, failure in failures.items():
        if failure not in classes:
            raise DefinitionError(
                f"pipeline {pipeline}: {reference} cannot be of class {failure!r}: choose from {', '.join(classes)}"
            )
        if ":" not in reference:
            raise DefinitionError(f"pipeline {pipeline}: write the exception {reference!r} as 'module:Class'")


def check_retain(pipeline: str, retain: str | None) -> None:
    """Refuses an invalid `retain`, the time for which records are kept.

    Raises:
        DefinitionError: Names pipeline and fix.
    """
    if retain is None:
        return
    try:
        kept_for(str(retain), "retain")
    except UsageError as error:
        raise DefinitionError(f"pipeline {pipeline}: {error}") from None


def _names(pipeline: str, names: list[str]) -> None:
    _name("pipeline", pipeline)
    if pipeline in names:  # on Dagster both become definitions in one namespace
        raise DefinitionError(
            f"pipeline {pipeline} has a step of its own name: rename one, for Dagster cannot serve both"
        )
    for name, count in Counter(names).items():
        _name("step", name)
        if count > 1:
            raise DefinitionError(f"pipeline {pipeline} has {count} steps named {name!r}: rename all but one")
        if name.lower() in _RUN_FILES:
            raise DefinitionError(f"step {name!r}: that is a file of every run: choose another name")
    _refuse_twins(pipeline, names)


def _name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        shown = f"{name[:40]!r}..." if len(name) > 40 else repr(name)  # noqa: PLR2004 - a line
        raise DefinitionError(
            f"{what} {shown}: its name must be an identifier of up to 100 letters (a to z), digits and _, the first a"
            " letter, as Airflow, Dagster, Prefect and every store take it"
        )


def _refuse_twins(pipeline: str, names: list[str]) -> None:
    """Refuses names that are the same file on a file system that ignores case."""
    by_lower_case: dict[str, str] = {}
    for name in names:
        first = by_lower_case.setdefault(name.lower(), name)
        if first != name:
            raise DefinitionError(
                f"pipeline {pipeline}: steps {first!r} and {name!r} differ in capitals alone: rename one"
            )


def _edges(step: Step, steps: dict[str, Step]) -> None:
    for name in (*(i.step for i in step.inputs), *step.upstream):
        if name not in steps:
            problem = f"step {step.name} waits for {name!r}, which is no step of this pipeline"
            raise DefinitionError(f"{problem}: {suggest(name, steps)}")


def _inputs(step: Step, steps: dict[str, Step]) -> None:
    for step_input in step.inputs:
        upstream = steps[step_input.step]
        if step_input.window and not upstream.output.partitioned:
            raise DefinitionError(
                f"step {step.name}: {step_input.parameter} has the window {step_input.window}, but the output of"
                f" {step_input.step} is not partitioned; drop the window or partition the output"
            )
        if step_input.window and upstream.map_over:
            raise DefinitionError(
                f"step {step.name}: {step_input.parameter} has a window over the mapped step {step_input.step};"
                " merge the elements in a step between them, and give that one the window"
            )
        _partial(step, step_input)


def _partial(step: Step, step_input: Input) -> None:
    if step_input.partial and not step_input.window:
        raise DefinitionError(
            f"step {step.name}: {step_input.parameter} has a partial but no window; give it one, such as t-6..t"
        )


def _pool(step: Step, pools: tuple[Pool, ...]) -> None:
    declared = [pool.name for pool in pools]
    if step.pool and step.pool not in declared:
        raise DefinitionError(
            f"step {step.name} uses the pool {step.pool!r}, which is not declared:"
            f" add Pool({step.pool!r}, slots) to the pipeline; declared: {', '.join(declared) or 'none'}"
        )


def _condition(step: Step, steps: dict[str, Step]) -> None:
    if step.when is None:
        return
    choices = steps[step.when.step].output.choices
    if step.when.choice not in choices:
        raise DefinitionError(
            f"step {step.name} runs when {step.when.step} chooses {step.when.choice!r}, which it never does:"
            f" it chooses from {', '.join(choices) or 'nothing; make its output a branch'}"
        )


def _mapping(step: Step) -> None:
    mappable = [*(i.parameter for i in step.inputs if i.window is None), *step.settings]
    if step.map_over and step.map_over not in mappable:
        raise DefinitionError(
            f"step {step.name} maps over {step.map_over!r}, which is none of its inputs or settings:"
            f" choose from {', '.join(mappable) or 'none; give it one'}"
        )


def _effect(step: Step) -> None:
    if "idempotency_key" in step.provided and not step.effect:
        raise DefinitionError(
            f"step {step.name} asks for an idempotency_key but is not run once in every run: give it effect=True"
        )


def _approval(step: Step) -> None:
    if sum(wait.kind is WaitKind.APPROVAL for wait in step.waits) > 1:
        raise DefinitionError(
            f"step {step.name} waits for several approvals: a step has one; name all who may give it in its `by`, or"
            " put a step before it that needs the other approval"
        )


def _external(pipeline: str, step: Step) -> None:
    """Refuses inputs from other pipelines that cannot be read as they are declared."""
    for wait in step.waits:
        if wait.parameter == "":
            raise DefinitionError(
                f"step {step.name}: input_from({wait.source!r}) stands in waits: write"
                " inputs={'parameter': input_from(...)}"
            )
    for wait in step.external_inputs:
        if wait.target == pipeline:
            raise DefinitionError(
                f"step {step.name}: {wait.parameter} reads {wait.source} of its own pipeline: write {str(wait.step)!r},"
                f" or windowed({str(wait.step)!r}, 't-1..t') for other partitions"
            )
        if step.map_over == wait.parameter:
            raise DefinitionError(
                f"step {step.name} maps over {wait.parameter}, which is of another pipeline: read {wait.source} in a"
                " step that returns the list, and map over that one"
            )


def _code(step: Step) -> None:
    declared: Any = step.code
    if not isinstance(declared, list | tuple) or not all(isinstance(pattern, str) and pattern for pattern in declared):
        raise DefinitionError(
            f"step {step.name}: code={declared!r} is no tuple of module names and patterns: write code=('sql/*.sql',)"
        )
    if step.code:
        try:
            step_reach(step)
        except DefinitionError as error:
            raise DefinitionError(f"step {step.name}: {error}") from None


def _groups(pipeline: str, steps: tuple[Step, ...]) -> None:
    names = {name.lower(): name for name in (pipeline, *(step.name for step in steps))}
    for group in dict.fromkeys(step.group for step in steps if step.group is not None):
        _name("group", str(group))  # whatever a person wrote
        if taken := names.get(str(group).lower()):
            raise DefinitionError(
                f"pipeline {pipeline}: the group {group!r} has the name of {taken!r}, and both become tasks: rename one"
            )
    check_groups(pipeline, steps)


def _cycles(pipeline: str, steps: Iterable[Step]) -> None:
    # a window that ends before t reads only earlier partitions, so it cannot close a cycle
    try:
        TopologicalSorter({s.name: s.upstream for s in steps}).prepare()
    except CycleError as error:
        raise DefinitionError(
            f"pipeline {pipeline} has a cycle: {' -> '.join(error.args[1])}; remove one of these edges"
        ) from None


def _reachable(step: Step, steps: dict[str, Step]) -> None:
    """Refuses a step that can never run, because its upstream steps need two choices of one branch."""
    conditions = _choices(step.name, steps)
    for branch, choices in conditions.items():
        if len(choices) > 1 and step.trigger_rule is TriggerRule.ALL_SUCCESS:
            raise DefinitionError(
                f"step {step.name} can never run: it needs {branch} to choose {' and '.join(sorted(choices))}"
                " at once; give it the trigger rule none_failed, or drop one of these inputs"
            )


def _choices(name: str, steps: dict[str, Step]) -> dict[str, set[str]]:
    step, conditions = steps[name], dict[str, set[str]]()
    if step.when:
        conditions.setdefault(step.when.step, set()).add(step.when.choice)
    if step.trigger_rule is TriggerRule.ALL_SUCCESS:
        for upstream in step.upstream:
            for branch, choices in _choices(upstream, steps).items():
                conditions.setdefault(branch, set()).update(choices)
    return conditions
