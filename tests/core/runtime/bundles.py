"""A pipeline with a group whose steps count their calls and fail when they are told to."""

from __future__ import annotations

from datetime import timedelta

from counterpoint.model import Pipeline, RetryPolicy, TriggerRule, step
from counterpoint.testing.evidence import attempt_number


def _call(name: str, folder: str, failing: list[str]) -> int:
    number = attempt_number(folder, name)
    if name in failing:
        raise RuntimeError(f"{name} fails at attempt {number}")
    return number


@step()
def raw(folder, failing):
    return _call("raw", folder, failing)


@step(group="small")
def first(raw, folder, failing):
    return raw + _call("first", folder, failing)


@step(group="small", retry=RetryPolicy(2, timedelta(0)))
def second(first, folder, failing):
    return first + _call("second", folder, failing)


@step(group="small")
def beside(raw, folder, failing):
    return raw + _call("beside", folder, failing)


@step(group="small")
def third(second, beside, folder, failing):
    return second + beside + _call("third", folder, failing)


@step(trigger_rule=TriggerRule.ALL_DONE)
def told(first, third):
    return [first, third]


bundle = Pipeline("bundle", (raw, first, second, beside, third, told), config={"folder": "", "failing": []})
