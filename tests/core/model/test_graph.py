"""Order, stages, critical path and verdicts, against definitions that are slower and plainer."""

from __future__ import annotations

from itertools import pairwise, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.model import (
    Input,
    Output,
    OutputKind,
    Pipeline,
    RunDecision,
    Status,
    Step,
    TriggerRule,
    When,
    critical_path,
    downstream,
    hidden,
    order,
    stages,
    verdict,
)

S, F, K, U = Status.SUCCESS, Status.FAILED, Status.SKIPPED, Status.UPSTREAM_FAILED
RUN, SKIP, FAIL = RunDecision.RUN, RunDecision.SKIP, RunDecision.UPSTREAM_FAILED


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """A pipeline of up to seven steps, declared in any order, each waiting for some of those before it."""
    count = draw(st.integers(1, 7))
    edges = [draw(st.sets(st.integers(0, n - 1))) if n else set() for n in range(count)]
    steps = [Step(f"s{n}", "m:f", tuple(Input(f"s{u}", f"s{u}") for u in sorted(edges[n]))) for n in range(count)]
    return Pipeline("p", tuple(draw(st.permutations(steps))))


@given(pipelines())
def test_a_stage_is_the_longest_way_from_a_first_step(pipeline: Pipeline) -> None:
    def depth(name: str) -> int:
        return max((depth(u) + 1 for u in pipeline.step(name).upstream), default=0)

    found = stages(pipeline)
    assert {name: n for n, stage in enumerate(found) for name in stage} == {n: depth(n) for n in pipeline.step_names}
    assert all(list(stage) == sorted(stage, key=pipeline.step_names.index) for stage in found)


@given(pipelines())
def test_the_order_keeps_every_edge(pipeline: Pipeline) -> None:
    place = {name: number for number, name in enumerate(order(pipeline))}
    assert sorted(place) == sorted(pipeline.step_names)
    assert all(place[u] < place[s.name] for s in pipeline.steps for u in s.upstream)


@given(pipelines(), st.lists(st.floats(0, 100), min_size=7, max_size=7))
def test_the_critical_path_is_the_longest_chain(pipeline: Pipeline, seconds: list[float]) -> None:
    lasting = dict(zip(sorted(pipeline.step_names), seconds, strict=False))

    def longest(name: str) -> float:
        return lasting[name] + max((longest(u) for u in pipeline.step(name).upstream), default=0)

    path, total = critical_path(pipeline, lasting)
    assert total == pytest.approx(max(longest(name) for name in pipeline.step_names))
    assert total == pytest.approx(sum(lasting[name] for name in path))
    assert all(one in pipeline.step(other).upstream for one, other in pairwise(path))


def test_a_step_of_unknown_duration_counts_as_one() -> None:
    steps = (Step("a", "m:f"), Step("b", "m:f", (Input("a", "a"),)), Step("c", "m:f"))
    assert critical_path(Pipeline("p", steps), {"c": 1.5}) == (("a", "b"), 2.0)


@given(pipelines(), st.integers(0, 6))
def test_downstream_is_what_can_be_reached(pipeline: Pipeline, number: int) -> None:
    name = f"s{number % len(pipeline.steps)}"

    def waits(other: str) -> bool:
        return any(u == name or waits(u) for u in pipeline.step(other).upstream)

    assert downstream(pipeline, name) == tuple(other for other in order(pipeline) if waits(other))


def reader(rule: TriggerRule, *, when: When | None = None) -> Step:
    return Step("c", "m:f", (Input("a", "a"), Input("b", "b")), trigger_rule=rule, when=when)


# how two upstream steps ended, whichever is which: what all_success, none_failed, all_done, one_success and
# none_failed_min_one_success make of it
TABLE = {
    (S, S): (RUN, RUN, RUN, RUN, RUN),
    (S, F): (FAIL, FAIL, RUN, RUN, FAIL),
    (S, K): (SKIP, RUN, RUN, RUN, RUN),
    (S, U): (FAIL, FAIL, RUN, RUN, FAIL),
    (F, F): (FAIL, FAIL, RUN, FAIL, FAIL),
    (F, K): (FAIL, FAIL, RUN, FAIL, FAIL),
    (F, U): (FAIL, FAIL, RUN, FAIL, FAIL),
    (K, K): (SKIP, RUN, RUN, SKIP, SKIP),
    (K, U): (FAIL, FAIL, RUN, FAIL, FAIL),
    (U, U): (FAIL, FAIL, RUN, FAIL, FAIL),
}
RULES = (
    TriggerRule.ALL_SUCCESS,
    TriggerRule.NONE_FAILED,
    TriggerRule.ALL_DONE,
    TriggerRule.ONE_SUCCESS,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
)


def test_the_table_is_complete() -> None:
    assert {pair for row in TABLE for pair in permutations(row)} == set(product(Status, repeat=2))
    assert set(RULES) == set(TriggerRule)


@pytest.mark.parametrize("ended", TABLE)
@pytest.mark.parametrize("number", range(5))
def test_verdicts(ended: tuple[Status, Status], number: int) -> None:
    for one, other in permutations(ended):
        assert verdict(reader(RULES[number]), {"a": one, "b": other}, {}) is TABLE[ended][number]


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_step_that_is_not_part_of_the_run_counts_as_done(rule: TriggerRule) -> None:
    assert verdict(reader(rule), {}, {}) is RUN
    assert verdict(reader(rule), {"a": S}, {}) is RUN


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_choice_against_a_step_skips_it_whatever_its_rule(rule: TriggerRule) -> None:
    step = reader(rule, when=When("a", "left"))
    assert step.upstream == ("a", "b")
    assert verdict(step, {"a": S, "b": S}, {"a": "right"}) is SKIP
    assert verdict(step, {"a": S, "b": S}, {"a": "left"}) is RUN
    assert verdict(step, {"a": S, "b": S}, {}) is RUN


def test_a_skip_spreads_along_conditional_edges() -> None:
    branch = Step("a", "m:f", output=Output(OutputKind.BRANCH, choices=("x", "y")))
    chain = [Step("b", "m:f", when=When("a", "y")), Step("c", "m:f", after=("b",)), Step("d", "m:f", after=("c",))]
    states: dict[str, Status] = {"a": S}
    pipeline = Pipeline("p", (branch, *chain))
    for name in order(pipeline)[1:]:
        states[name] = Status(verdict(pipeline.step(name), states, {"a": "x"}).value)
    assert states == {"a": S, "b": K, "c": K, "d": K}


BRANCH = Output(OutputKind.BRANCH, choices=("a", "b"))
ANYWAY = TriggerRule.ALL_DONE


@pytest.mark.parametrize(
    ("steps", "unseen"),
    [
        ([Step("x", "m:x"), Step("y", "m:y", after=("x",))], ()),
        ([Step("x", "m:x"), Step("y", "m:y", after=("x",), trigger_rule=ANYWAY)], ("x",)),
        ([Step("x", "m:x"), Step("y", "m:y", after=("x",), trigger_rule=TriggerRule.NONE_FAILED)], ()),
        # also past a step that is no last one
        (
            [Step("x", "m:x"), Step("y", "m:y", after=("x",), trigger_rule=ANYWAY), Step("z", "m:z", after=("y",))],
            ("x",),
        ),
        # another last step shows it
        ([Step("x", "m:x"), Step("y", "m:y", after=("x",), trigger_rule=ANYWAY), Step("z", "m:z", after=("x",))], ()),
        # the last step may be skipped, whatever becomes of x
        (
            [
                Step("x", "m:x"),
                Step("g", "m:g", output=BRANCH),
                Step("y", "m:y", after=("x",), when=When("g", "a")),
            ],
            ("x", "g"),
        ),
        # an effect that is held back is skipped, and what needs it, before x has ended
        ([Step("x", "m:x"), Step("e", "m:e", effect=True), Step("y", "m:y", after=("x", "e"))], ("x", "e")),
    ],
)
def test_a_failure_that_last_steps_do_not_show_is_hidden(steps: list[Step], unseen: tuple[str, ...]) -> None:
    assert hidden(Pipeline("p", tuple(steps))) == unseen
