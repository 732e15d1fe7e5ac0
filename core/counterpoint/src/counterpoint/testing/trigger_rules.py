"""Pipelines whose steps need one upstream step to succeed; scenarios of the conformance kit."""

from __future__ import annotations

from counterpoint.model import Output, OutputKind, Pipeline, TriggerRule, When
from counterpoint.testing.naming import named

_ONE = TriggerRule.ONE_SUCCESS
_MIN_ONE = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


one_success = Pipeline(
    "one_success",
    description="Steps that need one successful upstream step, and still wait for the others.",
    config={"offset": 3},
    steps=(
        named("one_numbers", "numbers"),
        named("one_slow", "slowly", inputs={"numbers": "one_numbers"}),
        named("one_branch", "chosen", output=Output(OutputKind.BRANCH, choices=("large", "small"))),
        named("one_small", "constant", when=When("one_branch", "small")),
        named("one_little", "constant", when=When("one_branch", "small")),
        named("one_fails", "fails", inputs={"value": "one_branch"}),
        named("one_slower", "joined", inputs={"left": "one_numbers", "right": "one_slow"}, trigger_rule=_ONE),
        named("one_despite", "joined", inputs={"left": "one_slow", "right": "one_fails"}, trigger_rule=_ONE),
        named("one_beside", "joined", inputs={"left": "one_small", "right": "one_slow"}, trigger_rule=_ONE),
        named("one_skipped", "joined", inputs={"left": "one_small", "right": "one_little"}, trigger_rule=_ONE),
        named("one_never", "joined", inputs={"left": "one_small", "right": "one_fails"}, trigger_rule=_ONE),
        named("one_after", "joined", inputs={"left": "one_despite", "right": "one_skipped"}, trigger_rule=_ONE),
    ),
)

min_one_success = Pipeline(
    "min_one_success",
    description="Steps that need one upstream step to succeed, and none to fail.",
    config={"offset": 3},
    steps=(
        named("min_branch", "chosen", output=Output(OutputKind.BRANCH, choices=("large", "small"))),
        named("min_large", "constant", when=When("min_branch", "large")),
        named("min_small", "constant", when=When("min_branch", "small")),
        named("min_little", "constant", when=When("min_branch", "small")),
        named("min_fails", "fails", inputs={"value": "min_large"}),
        named("min_either", "joined", inputs={"left": "min_large", "right": "min_small"}, trigger_rule=_MIN_ONE),
        named("min_skipped", "joined", inputs={"left": "min_small", "right": "min_little"}, trigger_rule=_MIN_ONE),
        named("min_never", "joined", inputs={"left": "min_large", "right": "min_fails"}, trigger_rule=_MIN_ONE),
        named("min_after", "doubled", inputs={"numbers": "min_skipped"}),
    ),
)
