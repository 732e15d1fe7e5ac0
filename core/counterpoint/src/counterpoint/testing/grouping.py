"""Pipelines whose small steps share a task; scenarios of the conformance kit."""

from __future__ import annotations

from datetime import timedelta

from counterpoint.model import Output, OutputKind, Pipeline, Pool, RetryPolicy, Status, TriggerRule, marker
from counterpoint.testing.naming import named

_METRICS = Output(OutputKind.METRICS)
_SOON = timedelta(seconds=1)

grouped_steps = Pipeline(
    "grouped_steps",
    description="A group between two steps: each of its steps has its own retries, one has a time-out.",
    config={"offset": 3, "folder": ""},
    pools=(Pool("shared", 1),),
    steps=(
        named("grouped_source", "numbers"),
        named("grouped_total", "total", inputs={"numbers": "grouped_source"}, group="grouped_small", pool="shared"),
        named(
            "grouped_heals",
            "fails_twice",
            after=("grouped_source",),
            group="grouped_small",
            pool="shared",
            retry=RetryPolicy(3, _SOON, _SOON),
        ),
        named(
            "grouped_killed",
            "killed_at_first",
            after=("grouped_heals",),
            group="grouped_small",
            pool="shared",
            timeout=timedelta(minutes=2),
            retry=RetryPolicy(1, _SOON, _SOON),
            description="Killed at its first attempt.",
        ),
        named("grouped_numbers", "doubled", inputs={"numbers": "grouped_source"}, group="grouped_small", pool="shared"),
        named(
            "grouped_each",
            "squared",
            inputs={"number": "grouped_numbers"},
            map_over="number",
            after=("grouped_total", "grouped_killed"),
        ),
        named(
            "grouped_end",
            "joined",
            inputs={"left": "grouped_total", "right": "grouped_killed"},
            after=("grouped_numbers",),
        ),
    ),
)

grouped_failure = Pipeline(
    "grouped_failure",
    description="A step of a group fails: those after it do not run, those beside it do, in the group and behind it.",
    config={"offset": 2, "folder": ""},
    steps=(
        named("amid_first", "constant", group="amid"),
        named("amid_fails", "fails_always", after=("amid_first",), group="amid", retry=RetryPolicy(1, _SOON)),
        named("amid_never", "doubled", inputs={"numbers": "amid_fails"}, group="amid"),
        named("amid_beside", "mean", inputs={"value": "amid_first"}, group="amid", output=_METRICS),
        named("amid_after", "joined", inputs={"left": "amid_never", "right": "amid_beside"}),
        named(
            "amid_anyway",
            "joined",
            inputs={"left": "amid_beside", "right": "amid_never"},
            trigger_rule=TriggerRule.ALL_DONE,
        ),
    ),
)

grouped_wait = Pipeline(
    "grouped_wait",
    description="A group whose first step waits for a marker that comes some looks later.",
    config={"offset": 11, "folder": ""},
    steps=(
        named("await_before", "before_marker"),
        named(
            "await_marker",
            "constant",
            after=("await_before",),
            waits=(marker("late/group/{partition}", poll=_SOON, timeout=timedelta(minutes=5)),),
            group="awaiting",
        ),
        named("await_then", "mean", inputs={"value": "await_marker"}, output=_METRICS, group="awaiting"),
        named("await_end", "joined", inputs={"left": "await_then", "right": "await_marker"}),
    ),
)

_RAN, _UNREACHED = (Status.SUCCESS, 1), (Status.UPSTREAM_FAILED, 0)
# how the steps must end, and with what error
HEALED = {
    **dict.fromkeys(grouped_steps.step_names, _RAN),
    "grouped_heals": (Status.SUCCESS, 3),
    "grouped_killed": (Status.SUCCESS, 2),
}
BROKEN = {
    **dict.fromkeys(grouped_failure.step_names, _RAN),
    "amid_fails": (Status.FAILED, 2),
    "amid_never": _UNREACHED,
    "amid_after": _UNREACHED,
}
WAITED = dict.fromkeys(grouped_wait.step_names, _RAN)
WHY = {"amid_fails": "RuntimeError"}
