"""Pipelines whose steps need one upstream step to end well; scenarios of the conformance kit."""

from __future__ import annotations

from typing import Any

from counterpoint.model import Output, OutputKind, Pipeline, TriggerRule, When, step

_ONE = TriggerRule.ONE_SUCCESS
_MIN_ONE = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


def _step(name: str, function: str, **policies: Any) -> Any:
    return step(f"counterpoint.testing.steps:{function}", name=name, **policies)


one_success = Pipeline(
    "one_success",
    description="Steps that one upstream step is enough for: they wait for the others all the same.",
    config={"offset": 3},
    steps=(
        _step("one_numbers", "numbers"),
        _step("one_slow", "slowly", inputs={"given": "one_numbers"}),
        _step("one_branch", "chosen", output=Output(OutputKind.BRANCH, choices=("large", "small"))),
        _step("one_small", "constant", when=When("one_branch", "small")),
        _step("one_little", "constant", when=When("one_branch", "small")),
        _step("one_fails", "fails", inputs={"given": "one_branch"}),
        _step("one_slower", "joined", inputs={"left": "one_numbers", "right": "one_slow"}, trigger_rule=_ONE),
        _step("one_despite", "joined", inputs={"left": "one_slow", "right": "one_fails"}, trigger_rule=_ONE),
        _step("one_beside", "joined", inputs={"left": "one_small", "right": "one_slow"}, trigger_rule=_ONE),
        _step("one_skipped", "joined", inputs={"left": "one_small", "right": "one_little"}, trigger_rule=_ONE),
        _step("one_never", "joined", inputs={"left": "one_small", "right": "one_fails"}, trigger_rule=_ONE),
        _step("one_after", "joined", inputs={"left": "one_despite", "right": "one_skipped"}, trigger_rule=_ONE),
    ),
)

min_one_success = Pipeline(
    "min_one_success",
    description="Steps that need one upstream step to end well, and none to fail.",
    config={"offset": 3},
    steps=(
        _step("min_branch", "chosen", output=Output(OutputKind.BRANCH, choices=("large", "small"))),
        _step("min_large", "constant", when=When("min_branch", "large")),
        _step("min_small", "constant", when=When("min_branch", "small")),
        _step("min_little", "constant", when=When("min_branch", "small")),
        _step("min_fails", "fails", inputs={"given": "min_large"}),
        _step("min_either", "joined", inputs={"left": "min_large", "right": "min_small"}, trigger_rule=_MIN_ONE),
        _step("min_skipped", "joined", inputs={"left": "min_small", "right": "min_little"}, trigger_rule=_MIN_ONE),
        _step("min_never", "joined", inputs={"left": "min_large", "right": "min_fails"}, trigger_rule=_MIN_ONE),
        _step("min_after", "doubled", inputs={"given": "min_skipped"}),
    ),
)
