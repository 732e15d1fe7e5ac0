"""What makes a pipeline contradict itself is refused when it is put together, with the fix named."""

from __future__ import annotations

from typing import Any

import pytest

from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model import (
    Input,
    Output,
    OutputKind,
    Pipeline,
    Pool,
    RetryPolicy,
    Step,
    TriggerRule,
    When,
    Window,
    step,
    windowed,
)

BRANCH = Output(OutputKind.BRANCH, choices=("left", "right"))


def plain(name: str, *inputs: str, **policies: Any) -> Step:
    return Step(name, f"m:{name}", tuple(Input(other, other) for other in inputs), **policies)


def reading(name: str, **given: Any) -> Step:
    return Step(name, f"m:{name}", (Input(**{"parameter": "days", **given}),))


def mapped(events: Any, count: Any) -> None:
    """Two parameters."""


CONTRADICTIONS: dict[str, tuple[tuple[Step, ...], str]] = {
    "no steps": ((), "pipeline p has no steps: give it at least one"),
    "its own name": ((plain("p"),), "pipeline p has a step of its own name: rename one, for Dagster cannot serve both"),
    "one name twice": ((plain("a"), plain("a")), "pipeline p has 2 steps named 'a': rename all but one"),
    "no identifier": ((plain("a-b"),), "step 'a-b': its name must be an identifier"),
    "unknown, a near one": ((plain("events"), plain("b", "event")), "did you mean 'events'\\?"),
    "unknown, none near": ((plain("a"), plain("b", "zzz")), "no step of this pipeline: there are a, b"),
    "unknown after": ((plain("a"), plain("b", after=("c",))), "step b waits for 'c'"),
    "unknown branch": ((plain("a", when=When("b", "x")),), "step a waits for 'b'"),
    "cycle": ((plain("a", "b"), plain("b", "c"), plain("c", "a")), "has a cycle: .* -> .*; remove one of these edges"),
    "itself": ((plain("a", "a"),), "has a cycle: a -> a"),
    "window to itself": ((reading("a", step="a", window=Window(-1)),), "has a cycle"),
    "window, unpartitioned": (
        (plain("a", output=Output(partitioned=False)), reading("b", step="a", window=Window(-6))),
        "days has the window t-6..t, but the output of a is not partitioned; drop the window or partition",
    ),
    "window, mapped": (
        (plain("s"), plain("a", "s", map_over="s"), reading("b", step="a", window=Window(-1))),
        "a window over the mapped step a; merge the elements",
    ),
    "partial, no window": (
        (plain("a"), reading("b", step="a", partial="m:f")),
        "step b: days has a partial but no window; give it one, such as t-6..t",
    ),
    "pool": (
        (plain("a", pool="gpu"),),
        "pool 'gpu', which is not declared: add Pool\\('gpu', slots\\).* declared: cpu",
    ),
    "choice": (
        (plain("a", output=BRANCH), plain("b", when=When("a", "up"))),
        "runs when a chooses 'up', which it never does: it chooses from left, right",
    ),
    "no branch": (
        (plain("a"), plain("b", when=When("a", "up"))),
        "it chooses from nothing; make its output a branch",
    ),
    "map over": (
        (plain("a"), plain("b", "a", map_over="c")),
        "step b maps over 'c', which is none of its inputs or settings: choose from a",
    ),
    "map over nothing": ((plain("b", map_over="c"),), "choose from none; give it one"),
    "unreachable": (
        (
            plain("a", output=BRANCH),
            plain("l", when=When("a", "left")),
            plain("r", when=When("a", "right")),
            plain("x", "l"),
            plain("join", "x", "r"),
        ),
        "step join can never run: it needs a to choose left and right at once; give it the trigger rule none_failed",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_its_fix(name: str) -> None:
    steps, said = CONTRADICTIONS[name]
    with pytest.raises(DefinitionError, match=said):
        Pipeline("p", steps, pools=(Pool("cpu", 1),))


def test_branches_may_meet_again_where_a_skip_is_no_failure() -> None:
    branches = (plain("a", output=BRANCH), plain("l", when=When("a", "left")), plain("r", when=When("a", "right")))
    for rule in (TriggerRule.NONE_FAILED, TriggerRule.ALL_DONE):
        pipeline = Pipeline("p", (*branches, plain("join", "l", "r", trigger_rule=rule), plain("last", "join")))
        assert pipeline.step("join").upstream == ("l", "r")


def test_a_window_of_earlier_partitions_closes_no_cycle() -> None:
    pipeline = Pipeline("p", (reading("a", step="a", window=Window(-6, -1)),))
    assert pipeline.step("a").upstream == ()


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (
            step(mapped, name="b"),
            "parameter 'count' is neither a step .a, b, events., nor a setting .seed., nor provided",
        ),
        (step(mapped, name="b", inputs={"other": "a"}), "its function has no parameter 'other'"),
        (step("json:dumps2", name="b"), "json defines no function 'dumps2' at its top level"),
        (step("nowhere.at.all:f", name="b"), "module 'nowhere.at.all' cannot be found: install"),
    ],
)
def test_a_parameter_that_nothing_provides_is_refused(draft: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        Pipeline("p", (plain("a"), plain("events"), draft), config={"seed": 1})


def test_parameters_are_told_apart_by_their_names() -> None:
    def_of = step(mapped, name="b", inputs={"events": windowed("a", "t-6..t-1")}, map_over="count")
    made = Pipeline("p", (plain("a"), def_of), config={"count": [1, 2]}).step("b")
    assert made.inputs == (Input("events", "a", Window(-6, -1)),)
    assert made.settings == ("count",)
    assert made.function == f"{__name__}:mapped"
    assert made.upstream == ()


def test_what_is_no_property_of_a_step_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"no such property 'retrys'; there are name, function, .*retry"):
        step(mapped, retrys=2)


def test_a_local_function_is_refused() -> None:
    def local() -> None: ...

    with pytest.raises(DefinitionError, match="cannot be found from another process: define"):
        Pipeline("p", (step(local, name="a"),))


def test_a_step_can_be_called_as_its_function() -> None:
    @step(retry=RetryPolicy(2))
    def double(x: int) -> int:
        return 2 * x

    assert double(4) == 8
    with pytest.raises(DefinitionError, match="import json:dumps and call it"):
        step("json:dumps")(1)
    with pytest.raises(DefinitionError, match="step a refers to m:a: import and call"):
        plain("a")()


PIPELINE = Pipeline("p", (plain("a"),), config={"seed": 1, "gate": {"k": 1, "deep": {"x": 1}}}, pools=(Pool("cpu", 1),))


def test_settings_are_overridden_one_level_deep() -> None:
    changed = PIPELINE.configured({"seed": 2, "gate": {"k": 5}})
    assert changed.config == {"seed": 2, "gate": {"k": 5, "deep": {"x": 1}}}
    assert PIPELINE.config["seed"] == 1
    assert PIPELINE.configured({"gate": 3}).config["gate"] == 3
    assert PIPELINE.configured({}) == PIPELINE


def test_what_a_pipeline_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="pipeline p has no setting 'sed': it has gate, seed"):
        PIPELINE.configured({"sed": 1})
    with pytest.raises(UsageError, match="pipeline p has no step 'b': choose from a"):
        PIPELINE.step("b")
    with pytest.raises(DefinitionError, match="declares no pool 'gpu'"):
        PIPELINE.pool("gpu")
    assert PIPELINE.pool("cpu").slots == 1
