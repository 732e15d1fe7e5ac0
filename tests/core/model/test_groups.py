"""Groups: what one task cannot execute is refused, and whatever is accepted ends as without the group."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import chain, combinations, product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from counterpoint.errors import DefinitionError
from counterpoint.model import (
    Output,
    OutputKind,
    Pipeline,
    Pool,
    Resources,
    RetryPolicy,
    RunDecision,
    RunRequest,
    Status,
    TriggerRule,
    When,
    grouped,
    grouped_request,
    groups_of,
    marker,
    order,
    step,
    verdict,
    windowed,
)
from counterpoint.model.render import as_text
from counterpoint.model.serial import pipeline_from, to_values
from counterpoint.runtime.structure import structure_of

if TYPE_CHECKING:
    from collections.abc import Iterable

CONSTANT = "counterpoint.testing.steps:constant"
DOUBLED = "counterpoint.testing.steps:doubled"


def named(name: str, function: str = CONSTANT, **policies: Any) -> Any:
    return step(function, name=name, **policies)


def pipeline(*steps: Any, **more: Any) -> Pipeline:
    return Pipeline("nightly", steps, config={"offset": 1}, **more)


# a source outside, two steps of a group, and a last one behind both
WHOLE = (
    named("source"),
    named("clean", DOUBLED, inputs={"numbers": "source"}, group="prepare"),
    named("count", DOUBLED, inputs={"numbers": "clean"}, group="prepare"),
    named("train", DOUBLED, inputs={"numbers": "count"}),
)


def with_policies(**policies: Any) -> Pipeline:
    """The whole with these policies of its step `count`."""
    return pipeline(*WHOLE[:2], named("count", DOUBLED, inputs={"numbers": "clean"}, group="prepare", **policies))


def test_a_group_is_one_step_of_the_grouped_pipeline() -> None:
    whole = pipeline(*WHOLE)
    assert groups_of(whole) == {"prepare": ("clean", "count")}
    native = grouped(whole)
    assert native.step_names == ("source", "prepare", "train")
    assert native.step("prepare").upstream == ("source",)
    assert native.step("train").upstream == ("prepare",)
    assert "clean, count" in native.step("prepare").description


def test_a_pipeline_without_groups_is_its_own_grouped_pipeline() -> None:
    alone = pipeline(named("source"))
    assert grouped(alone) is alone


def test_a_task_is_retried_as_often_as_any_step_of_it() -> None:
    retry = RetryPolicy(4, timedelta(seconds=3))
    assert grouped(with_policies(retry=retry)).step("prepare").retry == retry


def test_a_request_for_a_step_of_a_group_is_one_for_its_task() -> None:
    request = RunRequest("nightly", "2026-01-03", "run", "/root", steps=("count", "clean", "train"))
    assert grouped_request(pipeline(*WHOLE), request).steps == ("prepare", "train")
    assert grouped_request(pipeline(*WHOLE), replace(request, steps=None)).steps is None


def test_a_group_is_part_of_the_structure_and_of_the_description() -> None:
    whole = pipeline(*WHOLE)
    assert pipeline_from(to_values(whole)) == whole
    assert "group prepare" in as_text(whole)
    alone = pipeline(*(member if "group" not in member.policies else _without_group(member) for member in WHOLE))
    assert structure_of(alone) != structure_of(whole)
    assert all("group" not in values for values in to_values(alone)["steps"])


def _without_group(member: Any) -> Any:
    return replace(member, policies={name: value for name, value in member.policies.items() if name != "group"})


@pytest.mark.parametrize(
    ("policies", "problem"),
    [
        ({"map_over": "numbers"}, "step count is mapped"),
        ({"output": Output(OutputKind.BRANCH, choices=("a", "b"))}, "step count is a branch"),
        ({"effect": True}, "step count is an effect"),
        ({"trigger_rule": TriggerRule.ALL_DONE}, "step count has a trigger rule"),
        ({"pool": "wide"}, "steps clean and count differ in their pool"),
        ({"resources": Resources(cpu=1)}, "steps clean and count differ in their resources"),
        ({"image": "example.org/other:1"}, "steps clean and count differ in their image"),
        ({"env": {"MODE": "fast"}}, "steps clean and count differ in their env"),
        ({"owner": "team:ops"}, "steps clean and count differ in their owner"),
        ({"output": Output(partitioned=False)}, "steps clean and count differ in their output.partitioned"),
        ({"waits": (marker("there/{partition}"),)}, "step count waits, and clean"),
    ],
)
def test_what_one_task_cannot_execute_is_refused(policies: dict[str, Any], problem: str) -> None:
    with pytest.raises(DefinitionError, match=f"group prepare: {problem}"):
        pipeline(
            *WHOLE[:2],
            named("count", DOUBLED, inputs={"numbers": "clean"}, group="prepare", **policies),
            pools=(Pool("wide", 2),),
        )


def test_the_first_step_of_a_group_may_wait_and_read_a_window() -> None:
    first = named("clean", waits=(marker("there/{partition}"),), group="prepare")
    whole = pipeline(first, named("count", after=("clean",), group="prepare"))
    assert grouped(whole).step("prepare").waits == whole.step("clean").waits


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Source", "the group 'Source' has the name of 'source'"),
        ("nightly", "the group 'nightly' has the name of 'nightly'"),
        ("not one", "group 'not one': its name must be"),
        ("", "group '': its name must be"),
        (7, "group '7': its name must be"),
    ],
)
def test_the_name_of_a_group_is_a_name_of_a_task(name: Any, problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem):
        pipeline(named("source"), named("other", group=name))


def test_a_condition_is_refused() -> None:
    branch = named("choose", output=Output(OutputKind.BRANCH, choices=("a", "b")))
    with pytest.raises(DefinitionError, match="step count has a condition"):
        pipeline(branch, named("count", when=When("choose", "a"), group="prepare"))


def test_a_cycle_through_a_step_outside_names_it() -> None:
    steps = (named("a", group="g"), named("outside", after=("a",)), named("b", after=("outside",), group="g"))
    with pytest.raises(DefinitionError, match=r"group g: .*outside"):
        pipeline(*steps)


def test_groups_that_wait_for_each_other_are_refused() -> None:
    steps = (
        named("a", group="g"),
        named("c", group="h"),
        named("b", after=("a", "c"), group="h"),
        named("d", after=("c", "a"), group="g"),
    )
    with pytest.raises(DefinitionError, match="group"):
        pipeline(*steps)


def test_a_step_outside_that_not_all_need_is_refused() -> None:
    steps = (named("users"), named("a", group="g"), named("b", after=("a", "users"), group="g"))
    with pytest.raises(DefinitionError, match="group g: it would start after users, which b needs and a does not"):
        pipeline(*steps)


def test_a_reader_of_a_part_is_refused() -> None:
    steps = (named("a", group="g"), named("b", after=("a",), group="g"), named("reader", after=("a",)))
    with pytest.raises(DefinitionError, match="group g: step reader waits for a and would wait for b too"):
        pipeline(*steps)


def test_a_window_within_a_group_is_refused() -> None:
    reader = named("b", DOUBLED, inputs={"numbers": windowed("a", "t-2..t-1")}, group="g", after=("a",))
    with pytest.raises(DefinitionError, match=r"group g: step b reads a of t-2\.\.t-1"):
        pipeline(named("a", group="g"), reader)


def test_a_window_over_a_part_is_refused() -> None:
    reader = named("reader", DOUBLED, inputs={"numbers": windowed("a", "t-2..t-1")}, trigger_rule=TriggerRule.ALL_DONE)
    with pytest.raises(DefinitionError, match="group g: step reader waits for a and would wait for b too"):
        pipeline(named("a", group="g"), named("b", after=("a",), group="g"), reader)


CHOSEN = "taken"


def ended(decision: RunDecision, name: str, failing: Iterable[str]) -> Status:
    if decision is not RunDecision.RUN:
        return Status(decision.value)
    return Status.FAILED if name in failing else Status.SUCCESS


def by_steps(whole: Pipeline, failing: Iterable[str]) -> dict[str, Status]:
    """How the steps end in tasks of their own, as core decides."""
    states: dict[str, Status] = {}
    for name in order(whole):
        states[name] = ended(verdict(whole.step(name), states, {"choose": CHOSEN}), name, failing)
    return states


def by_tasks(whole: Pipeline, failing: Iterable[str]) -> dict[str, Status]:
    """How they end in the tasks of their groups: an orchestrator knows of the tasks alone."""
    native, groups = grouped(whole), groups_of(whole)
    tasks, states = dict[str, Status](), dict[str, Status]()
    for task in order(native):
        decision, names = verdict(native.step(task), tasks, {"choose": CHOSEN}), groups.get(task, (task,))
        inside: dict[str, Status] = {}
        for name in names:
            own = verdict(whole.step(name), inside, {}) if task in groups and decision is RunDecision.RUN else decision
            inside[name] = ended(own, name, failing)
        several = decision is RunDecision.RUN and task in groups
        failed = Status.FAILED in inside.values()
        tasks[task] = (
            (Status.FAILED if failed else Status.SUCCESS) if several else inside[task if task in inside else names[0]]
        )
        states |= inside
    return states


def subsets(names: list[str]) -> Iterable[tuple[str, ...]]:
    return chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))


def accepted(*steps: Any) -> Pipeline | None:
    try:
        return pipeline(*steps)
    except DefinitionError:
        return None


def test_every_small_pipeline_ends_as_without_groups() -> None:
    names, count = ["a", "b", "c", "d"], 0
    edges = [(upper, lower) for upper, lower in combinations(names, 2)]
    for drawn in subsets([f"{upper}{lower}" for upper, lower in edges]):
        after = {lower: tuple(upper for upper in names if f"{upper}{lower}" in drawn) for lower in names}
        for groups in product([None, "g"], repeat=4):
            if sum(group is not None for group in groups) < 2:
                continue
            made = accepted(*(named(n, after=after[n], group=g) for n, g in zip(names, groups, strict=True)))
            if made is None:
                continue
            count += 1
            for failing in subsets(names):
                assert by_tasks(made, failing) == by_steps(made, failing), (drawn, groups, failing)
    assert count > 100


@st.composite
def drafts(draw: st.DrawFn) -> list[Any]:
    """Steps with edges, trigger rules, conditions and groups, the last two of a few kinds."""
    names = [f"s{number}" for number in range(draw(st.integers(2, 6)))]
    steps = [named("choose", output=Output(OutputKind.BRANCH, choices=("taken", "other")))]
    for number, name in enumerate(names):
        after = draw(st.lists(st.sampled_from(["choose", *names[:number]]), unique=True, max_size=3))
        group = draw(st.sampled_from([None, "g", "g", "h"]))
        policies: dict[str, Any] = {"after": tuple(after)}
        if group is None:
            policies["trigger_rule"] = draw(st.sampled_from(list(TriggerRule)))
            policies["when"] = draw(st.sampled_from([None, None, When("choose", "taken"), When("choose", "other")]))
        steps.append(named(name, group=group, **policies))
    return steps


@given(drafts(), st.sets(st.sampled_from([f"s{number}" for number in range(6)])))
def test_whatever_is_accepted_ends_as_without_groups(steps: list[Any], failing: set[str]) -> None:
    made = accepted(*steps)
    event(f"accepted: {made is not None}")
    if made is not None:
        assert by_tasks(made, failing) == by_steps(made, failing)
